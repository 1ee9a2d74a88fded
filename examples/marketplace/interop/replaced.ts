/**
 * `npm run peers -- replaced`: the process of the doors is replaced and killed (SIGKILL) again and again, under calls and streams over gRPC
 * and WebSocket. No call that may be done twice fails, and streams go on where they were. One line a check.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { grpcHandlers } from '@dure/grpc'
import { connect } from '@dure/socket/client'
import { retry } from 'dure/resilience'
import { realRuntime } from 'dure/runtime'
import { service, start, system } from 'dure/service'
import { supervise } from 'dure/supervisor'
import { silentLogger } from 'dure/telemetry'
import { Counter } from './replaced-doors.ts'

const ROUNDS = Number(process.argv[2] ?? 5)
const CALLERS = 4
const directory = mkdtempSync(join(tmpdir(), 'dure-replaced-'))
const address = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const
let back = (): void => {}
const supervisor = await supervise({
  directory,
  processes: [
    {
      name: 'doors',
      program: [join(import.meta.dirname, 'replaced-doors.ts'), directory],
      node: ['--conditions=dure-source'],
      sockets: ['grpc', 'socket'].map((name) => ({ name, address })),
      overlaps: true,
    },
  ],
  runtime: realRuntime(),
  onLine: ({ text }) => console.error(text),
  onEvent: ({ kind }) => void (kind === 'back' && back()),
  backoff: { first: 10, max: 100 },
  // However busy the machine is.
  ...{ readiness: 600_000, silence: 600_000, shutdownTimeout: 300_000 },
})
const [overGrpc, overSocket] = supervisor.ready[0] as readonly [string, string]

const remote = service(Counter, { handlers: grpcHandlers(Counter, { address: new URL(overGrpc).host }) })
const caller = await start(system('callers', { services: [remote], security: 'off' }), {
  directory: join(directory, 'callers'),
  log: silentLogger(),
})
const { client: ws, close } = connect({ url: overSocket, contract: Counter })
const clients = { gRPC: caller.client(Counter), WebSocket: ws } as const

let over = false
let repeated = 0
// Over gRPC whoever calls repeats what may be done twice; the client of sockets does it by itself.
const again = retry({
  ...{ attempts: 100, backoff: { first: 20, max: 500 }, budget: { ratio: 1, minimumPerSecond: 1_000 } },
  when: (error) => {
    repeated++
    return (error as { readonly code?: string }).code === 'UNAVAILABLE'
  },
})
const seen = { gRPC: { calls: 0, failed: [] as string[] }, WebSocket: { calls: 0, failed: [] as string[] } }
const counted = { gRPC: { values: 0, gaps: 0, opened: 0 }, WebSocket: { values: 0, gaps: 0, opened: 0 } }

async function calls(kind: keyof typeof clients): Promise<void> {
  for (let n = 1; !over; n++) {
    try {
      const call = () => clients[kind].double({ n }, { timeout: 120_000 })
      const answer = kind === 'gRPC' ? await again.run(call) : await call()
      if (answer.n !== 2 * n) seen[kind].failed.push(`${n} became ${answer.n}`)
    } catch (error) {
      seen[kind].failed.push((error as Error).message)
    }
    seen[kind].calls++
  }
}

/** Opens a stream again behind the last value, which is what its callers do where no session can. */
async function counts(kind: keyof typeof clients): Promise<void> {
  const told = counted[kind]
  let next = 0
  const take = ({ n }: { readonly n: number }): void => {
    if (n !== next) told.gaps++
    next = n + 1
    told.values++
  }
  while (!over) {
    told.opened++
    try {
      const values =
        kind === 'gRPC'
          ? clients.gRPC.count({ from: next })
          : clients.WebSocket.count({ from: 0 }, { again: (last) => ({ from: last === undefined ? 0 : last.n + 1 }) })
      for await (const value of values) {
        take(value)
        if (over) break
      }
    } catch {
      await setTimeout(20)
    }
  }
}

let well = true
function check(name: string, right: boolean, found: unknown): void {
  well &&= right
  console.log(`${right ? '✔' : '✖'} ${name}${right ? '' : `: ${JSON.stringify(found)}`}`)
}
/** So many calls more each way, and values. */
async function more(): Promise<void> {
  const before = [seen.gRPC.calls, seen.WebSocket.calls, counted.gRPC.values, counted.WebSocket.values]
  const now = () => [seen.gRPC.calls, seen.WebSocket.calls, counted.gRPC.values, counted.WebSocket.values]
  while (now().some((count, at) => count < before[at]! + 20)) await setTimeout(10)
}

const work = [
  ...Array.from({ length: CALLERS }, () => [calls('gRPC'), calls('WebSocket')]).flat(),
  counts('gRPC'),
  counts('WebSocket'),
]
try {
  const pids = new Set<number | undefined>()
  const pid = (): number | undefined => supervisor.processes()[0]!.pid
  for (const how of ['replaced', 'killed'] as const) {
    const [before, failed] = [
      seen.gRPC.calls + seen.WebSocket.calls,
      { gRPC: seen.gRPC.failed.length, WebSocket: seen.WebSocket.failed.length },
    ]
    for (let round = 0; round < ROUNDS; round++) {
      await more()
      pids.add(pid())
      if (how === 'replaced') await supervisor.replace()
      else {
        const again = new Promise<void>((resolve) => (back = resolve))
        process.kill(pid()!, 'SIGKILL')
        await again
      }
    }
    await more()
    const count = seen.gRPC.calls + seen.WebSocket.calls - before
    for (const kind of ['gRPC', 'WebSocket'] as const)
      check(
        `${how} ${ROUNDS} times under load over ${kind}: no call failed (of ${count} both ways)`,
        seen[kind].failed.length === failed[kind],
        [...new Set(seen[kind].failed)].slice(0, 5),
      )
  }
  console.log(`  over gRPC ${repeated} calls were made again`)
  check(`${2 * ROUNDS} processes were others than before`, pids.size === 2 * ROUNDS, [...pids])
  for (const kind of ['gRPC', 'WebSocket'] as const) {
    const { values, gaps, opened } = counted[kind]
    check(
      `a stream over ${kind} went on where it was: ${values} values in order, none lost or doubled (opened ${opened} times)`,
      gaps === 0,
      gaps,
    )
  }
} finally {
  over = true
  close()
  await Promise.race([Promise.all(work), setTimeout(5_000)])
  await caller.stop()
  await supervisor.stop()
  rmSync(directory, { recursive: true, force: true })
}
process.exit(well ? 0 : 1)
