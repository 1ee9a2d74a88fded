import { setTimeout as sleep } from 'node:timers/promises'
import type { LocalServer } from '@dure/postgres/server'
import type { Running } from 'dure/service'
import type { Supervisor } from 'dure/supervisor'
import { callers, type Callers, type Seen } from './callers.ts'
import { Archive, DATABASE, Desk, desks } from './desk.ts'
import { withProcesses } from './processes.ts'

export const CALLERS = 16
/** Milliseconds that a call may take at most, where a copy is frozen. */
export const DEADLINE = 1_000

export type Case = {
  readonly name: string
  /** What is promised, in words and milliseconds; of the longest pause, or of the longest call. */
  readonly promised: string
  readonly most: number
  readonly of?: 'pause' | 'call'
  /** Calls may fail. */
  readonly fails: boolean
  readonly run: (bench: Bench) => Promise<Seen>
}

/** Two copies of a desk, and this process as its callers. */
export type Bench = {
  readonly caller: Running
  readonly supervisor: Supervisor
  readonly pids: () => readonly [number, number]
  readonly server: LocalServer | undefined
}

export async function withCopies<T>(server: LocalServer | undefined, work: (bench: Bench) => Promise<T>): Promise<T> {
  const url = server?.url()
  const copies = { desk: 2, ...(url === undefined ? {} : { archive: 2 }) }
  return withProcesses(
    { system: desks(url), program: 'desk.ts', copies, env: { [DATABASE]: url } },
    ({ caller, supervisor, pidsOf }) => work({ caller, supervisor, pids: () => pidsOf('desk') as [number, number], server }),
  )
}

/** What the callers see while something is done to one of the copies, and until both have answered again. */
async function seen(bench: Bench, call: () => Promise<number>, act: (calls: Callers) => Promise<void>): Promise<Seen> {
  const calls = callers(CALLERS, call)
  await calls.answered(bench.pids())
  calls.begin()
  await act(calls)
  return calls.end()
}

let papers = 0
const id = (): string => `${process.pid}-${papers++}`
const look = ({ caller }: Bench): (() => Promise<number>) => {
  const client = caller.client(Desk)
  return () => client.look(undefined, { timeout: 20_000 })
}
const file = ({ caller }: Bench): (() => Promise<number>) => {
  const client = caller.client(Desk)
  return () => client.file({ id: id() }, { timeout: 20_000 })
}
/** Its owner has noted that it runs, for longer than any of these may wait. */
const fileKeyed = ({ caller }: Bench): (() => Promise<number>) => {
  const client = caller.client(Desk)
  return () => {
    const key = id()
    return client.file({ id: key }, { timeout: 20_000, idempotencyKey: key })
  }
}
const count = ({ caller }: Bench, timeout = 20_000): (() => Promise<number>) => {
  const client = caller.client(Desk)
  return () => client.count(undefined, { timeout })
}

const killed = (bench: Bench, call: () => Promise<number>): Promise<Seen> =>
  seen(bench, call, async (calls) => {
    process.kill(bench.pids()[0], 'SIGKILL')
    await back(bench, calls)
  })

const drained = (bench: Bench, call: () => Promise<number>): Promise<Seen> =>
  seen(bench, call, async (calls) => {
    process.kill(bench.pids()[0], 'SIGTERM')
    await back(bench, calls)
  })

const frozen = (bench: Bench, call: () => Promise<number>): Promise<Seen> =>
  seen(bench, call, async (calls) => {
    const [one, other] = bench.pids()
    process.kill(one, 'SIGSTOP')
    await Promise.all([calls.answered([other], 400), sleep(3_000)])
    process.kill(one, 'SIGCONT')
    await calls.answered([one, other])
  })

/** Both copies answer, one of them another process than before. */
async function back({ pids }: Bench, calls: Callers): Promise<void> {
  const before = pids()
  while (pids().length < 2 || pids().every((pid) => before.includes(pid))) await sleep(5)
  await calls.answered(pids())
}

const CASES: readonly Case[] = [
  { name: 'killed, queries', promised: 'at most 1 s, none failed', most: 1_000, fails: false, run: (it) => killed(it, look(it)) },
  {
    name: 'killed, idempotent commands',
    ...{ promised: 'at most 1 s, none failed', most: 1_000, fails: false },
    run: (it) => killed(it, file(it)),
  },
  {
    name: 'killed, other commands',
    ...{ promised: 'at most 1 s; what was in its hand fails', most: 1_000, fails: true },
    run: (it) => killed(it, count(it)),
  },
  {
    name: 'frozen for 3 s',
    ...{ promised: `never past the deadline of ${DEADLINE} ms`, most: DEADLINE * 1.1, of: 'call', fails: true },
    run: (it) => {
      const client = it.caller.client(Desk)
      return frozen(it, () => client.look(undefined, { timeout: DEADLINE }))
    },
  },
  {
    name: 'drained, queries',
    ...{ promised: 'at most 0.3 s, none failed', most: 300, fails: false },
    run: (it) => drained(it, look(it)),
  },
  {
    name: 'drained, other commands',
    ...{ promised: 'at most 0.3 s, none failed', most: 300, fails: false },
    run: (it) => drained(it, count(it)),
  },
  {
    name: 'replaced (dure restart)',
    ...{ promised: 'at most 0.3 s, none failed', most: 300, fails: false },
    run: (it) =>
      seen(it, count(it), async (calls) => {
        await it.supervisor.replace(['desk'])
        await calls.answered(it.pids())
      }),
  },
  {
    name: 'scaled to 4 and back',
    ...{ promised: 'at most 0.3 s, none failed', most: 300, fails: false },
    run: (it) =>
      seen(it, count(it), async (calls) => {
        await it.supervisor.scale('desk', 4)
        await calls.answered(it.pids())
        await it.supervisor.scale('desk', 2)
        await calls.answered(it.pids())
      }),
  },
]

const DATABASE_CASES: readonly Case[] = [
  {
    name: 'killed, commands with a key',
    ...{ promised: 'at most 1 s, none failed', most: 1_000, fails: false },
    run: (it) => killed(it, fileKeyed(it)),
  },
  {
    name: 'PostgreSQL killed for 15 s',
    ...{ promised: 'at work again within 3 s of its return', most: 3_000, fails: true },
    run: async (it) => {
      const calls = callers(CALLERS, count(it, 2_000))
      await calls.answered(it.pids())
      await it.server!.crash()
      await sleep(15_000)
      await it.server!.start()
      // From its return on: until every caller has had an answer.
      calls.begin()
      await calls.answered(it.pids())
      return calls.end()
    },
  },
  {
    name: 'commit to effect, p99',
    ...{ promised: 'at most 50 ms', most: 50, fails: false },
    run: async (it) => {
      const archive = it.caller.client(Archive)
      const one = file(it)
      const since = Date.now()
      const begun = performance.now()
      let calls = 0
      // A steady load, half of what there would be without pauses.
      while (performance.now() - begun < 8_000) {
        await Promise.all([...Array.from({ length: 4 }, one), sleep(20)])
        calls += 4
      }
      let delays = await archive.delays({ since })
      while (delays.length < calls) {
        await sleep(20)
        delays = await archive.delays({ since })
      }
      const p99 = delays[Math.floor(delays.length * 0.99)]!
      return { pause: p99, call: p99, calls, failed: {} }
    },
  },
]

/** Those that can be had: some need a database. */
export const casesOf = (server: LocalServer | undefined): readonly Case[] =>
  server === undefined ? CASES : [...CASES, ...DATABASE_CASES]
