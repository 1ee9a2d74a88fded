/** What a supervisor and what it runs tell each other; and the two ways to run a program: in a process, or in a thread. */
export type FromProcess =
  | { readonly dure: 'loaded' }
  | { readonly dure: 'ready'; readonly info: unknown }
  | { readonly dure: 'pulse' }
  | { readonly dure: 'placed'; readonly id: number; readonly error: string | undefined }
export type ToProcess =
  | { readonly dure: 'go' }
  | { readonly dure: 'stop'; readonly replaced: boolean }
  | { readonly dure: 'pulse' }
  | { readonly dure: 'place'; readonly id: number; readonly part: string; readonly where: Where }

/** Into a process, or out of it. */
export type Where = 'in' | 'out'

/** A program that was started, in whichever way. */
export type Started = {
  /** Of a process of its own. */
  readonly pid: number | undefined
  /** Of a thread of this process. */
  readonly thread: number | undefined
  /** Nothing happens when it has ended. */
  readonly tell: (message: ToProcess) => void
  /** Ends it, whatever it is doing. */
  readonly kill: () => void
}

/** What becomes of a program. */
export type OnStarted = {
  readonly message: (message: FromProcess) => void
  readonly line: (stream: 'out' | 'error', text: string) => void
  /** The last thing told, with how it ended: `ended with code 1`, `was killed by SIGKILL`. */
  readonly over: (how: string) => void
}

/** What a supervised process, or thread, has to do with its supervisor. */
export type Supervised = {
  /** Says that the program is loaded; resolves when it may begin its work, with false when it is to stop instead. */
  readonly loaded: () => Promise<boolean>
  /** Says that it works; `info` (JSON) is for whoever started all. */
  readonly ready: (info?: unknown) => void
  /** Resolves with the reason when it is to stop: asked to, or because its supervisor is gone. */
  readonly stopped: Promise<string>
  /** How it is to stop, for `Running.stop`. */
  readonly manner: () => { readonly everything: boolean; readonly replaced: boolean }
  /** Listening sockets that the supervisor holds for it, by name: file descriptors. */
  readonly sockets: ReadonlyMap<string, number>
  /** Which copy of its kind it is, from 1 on. */
  readonly copy: number
  /**
   * Says how this process takes a part of the system in while it works, and gives one out: `running.place`. Until it is said,
   * the supervisor is told that it cannot.
   */
  readonly placing: (place: (part: string, where: 'in' | 'out') => Promise<void>) => void
  /** Lets the process or thread end when nothing else keeps it. */
  readonly leave: () => void
}

/** Set in the environment of every process that a supervisor starts, and in the data of every thread. */
export const SUPERVISED = 'DURE_SUPERVISOR'
/** The names of the sockets it is handed, whose file descriptors begin after the channel's. */
export const SOCKETS = 'DURE_SOCKETS'
export const FIRST_SOCKET = 4
/** Which copy of its kind it is. */
export const COPY = 'DURE_COPY'
