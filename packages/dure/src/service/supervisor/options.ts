import type { Address } from '../../discovery/discovery.ts'
import type { Runtime } from '../../runtime/runtime.ts'

export type SupervisorOptions = {
  /** The system's directory: one supervisor a directory. */
  readonly directory: string
  /** Processes in the order they start; they stop in the opposite one. */
  readonly processes: readonly ProcessOptions[]
  readonly runtime: Runtime
  /** Sockets that whoever supervises this process holds already, by their names among those of the processes (`Supervised.sockets`). */
  readonly handed?: ReadonlyMap<string, number> | undefined
  /** Told of every line a process writes. */
  readonly onLine: (line: { readonly name: string; readonly stream: 'out' | 'error'; readonly text: string }) => void
  /** Told of what happens to processes after the start. */
  readonly onEvent?: (event: ProcessEvent) => void
  /** Gives up a start that is under way: what has started is stopped, and the start rejects. */
  readonly signal?: AbortSignal
  /** Milliseconds a process may take to stop before it is killed. Default 20,000. */
  readonly shutdownTimeout?: number
  /** Milliseconds a process may take to get ready. Default 120,000: machines are busy. */
  readonly readiness?: number
  /** Milliseconds without a sign of life after which a process is killed and started again. Default 30,000. */
  readonly silence?: number
  /** Milliseconds a process may take to take in a part that moves, or to give it out, before it is killed. Default 10,000. */
  readonly handover?: number
  /** Milliseconds before a process that fell over is started again: the first time, and at most. Default 100 and 10,000. */
  readonly backoff?: { readonly first: number; readonly max: number }
}

export type ProcessOptions = {
  readonly name: string
  /** The program and its words; run by this version of Node. */
  readonly program: readonly string[]
  /** Options of Node itself. Default: those of this process and, of a process where they say nothing of it, a young generation of 16 MB. */
  readonly node?: readonly string[]
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Of a process; threads have that of theirs. */
  readonly cwd?: string
  /**
   * Runs in a thread of the supervisor's own process, with an event loop, a heap and modules of its own, in place of a
   * process; `memory`: megabytes that its heap may grow to, at which it ends and is started again. A thread holds no sockets
   * and takes no options that are the whole process's. Default false.
   */
  readonly thread?: boolean | { readonly memory: number }
  /** Two of it may run at the same time, so that a new one can be there before the old one leaves. Default false. */
  readonly overlaps?: boolean
  /** How many run: `orders`, `orders#2`, `orders#3`. Default 1. */
  readonly copies?: number
  /** Why there may be no second copy, for whoever asks for one; undefined when there may. */
  readonly onlyOne?: string | undefined
  /**
   * What it listens on. The supervisor holds these addresses from the start to the end and hands them to each process of
   * this name: while one is replaced or has fallen over, connections wait rather than being refused. Where that is not
   * possible (`not held`) the process has to listen by itself, and two of it do not overlap.
   */
  readonly sockets?: readonly SocketOptions[]
}

/** What moves from one process to another while both work, and what they are then. */
export type Move = {
  /** By the name that their programs know. */
  readonly part: string
  /** `becomes`: what it is without the part; undefined when nothing of it is left, and it ends. */
  readonly from: { readonly name: string; readonly becomes: ProcessOptions | undefined }
  /** `name`: of one that runs; undefined when it is started for this. */
  readonly to: { readonly name: string | undefined; readonly becomes: ProcessOptions }
  /** Both may have it at once: then the one is there before the other leaves. */
  readonly overlaps: boolean
}

/** How a move went, in milliseconds: all of it, and while nobody had the part and its callers waited (0 where both may have it). */
export type Moved = { readonly ms: number; readonly away: number }

export type SocketOptions = { readonly name: string; readonly address: Address }

export type ProcessEvent =
  | { readonly kind: 'ended'; readonly name: string; readonly how: string; readonly again: number }
  | { readonly kind: 'back'; readonly name: string; readonly ms: number }
  | { readonly kind: 'silent'; readonly name: string }
  | { readonly kind: 'replaced'; readonly name: string; readonly ms: number }
  | ({ readonly kind: 'moved'; readonly name: string; readonly from: string; readonly to: string } & Moved)
  /** Its sockets cannot be held here: when it is replaced or falls over, connections are refused for a moment. */
  | { readonly kind: 'not held'; readonly name: string; readonly why: string }
