/** A system whose processes a supervisor runs, for tests: this process is its caller. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { keepAlive, realRuntime } from '../../runtime/runtime.ts'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { until } from '../rig.test-support.ts'
import { groupsOf, socketsOf, start, type Group, type Running, type System } from '../service.ts'
import {
  joinSupervisor,
  placed,
  supervise,
  type Placed,
  type ProcessEvent,
  type ProcessOptions,
  type Supervisor,
  type SupervisorOptions,
} from '../supervisor/supervisor.ts'

export type Supervised = {
  readonly directory: string
  readonly supervisor: Supervisor
  readonly placed: Placed
  readonly caller: Running
  readonly events: readonly ProcessEvent[]
  /** Of each process of a service that runs, in order. */
  readonly pidsOf: (service: string) => readonly number[]
  /** Resolves when so many processes have been started again after their end. */
  readonly back: (times: number) => Promise<void>
}

/**
 * @param make the system; for this process, which opens its doors and nothing else, it is made a second time
 * @param program the file of its processes, which calls `runPart`
 */
export async function supervised(
  t: TestContext,
  options: {
    readonly make: () => System
    readonly program: URL
    readonly copies?: Readonly<Record<string, number>>
    readonly more?: Partial<SupervisorOptions>
  },
): Promise<Supervised> {
  const { make, program, copies, more } = options
  const directory = mkdtempSync(join(tmpdir(), 'dure-processes-'))
  const events: ProcessEvent[] = []
  const system = { ...make(), doors: [] }
  const groups = groupsOf(system, copies)
  const process = (group: Group): ProcessOptions => ({
    ...{ name: group.name, node: ['--conditions=dure-source'] },
    program: [fileURLToPath(program), directory, ...group.members],
    ...socketsOf(group, { doors: [], directory }),
  })
  const supervisor = await supervise({
    directory,
    processes: groups.map(process),
    runtime: realRuntime(),
    onLine: ({ text }) => t.diagnostic(text),
    onEvent: (event) => events.push(event),
    backoff: { first: 5, max: 50 },
    ...more,
  })
  const caller = await start(make(), { directory, part: ['doors'], log: silentLogger() })
  t.after(async () => {
    await caller.stop()
    await supervisor.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return {
    directory,
    supervisor,
    placed: placed({ system, groups, supervisor, process }),
    caller,
    events,
    pidsOf: (service) =>
      supervisor.processes().flatMap(({ name, pid }) => (name.split('#', 1)[0] === service && pid !== undefined ? [pid] : [])),
    back: (times) => until(() => events.filter(({ kind }) => kind === 'back').length >= times),
  }
}

/** In a process that a supervisor has started, runs the part of the system that its words name; else nothing. */
export async function runPart(system: System, { begin }: { readonly begin?: () => void } = {}): Promise<void> {
  const supervisor = joinSupervisor()
  if (supervisor === undefined || !(await supervisor.loaded())) return
  begin?.()
  const [directory, ...part] = process.argv.slice(2)
  const alive = keepAlive()
  const running = await start(system, {
    ...{ directory: directory!, part, log: silentLogger(), shutdownTimeout: 5_000 },
    copy: supervisor.copy,
  })
  supervisor.placing(running.place)
  supervisor.ready()
  await supervisor.stopped
  await running.stop(supervisor.manner())
  alive.stop()
  supervisor.leave()
}
