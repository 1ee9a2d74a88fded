import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { realRuntime } from '../../runtime/runtime.ts'
import { supervise, type ProcessEvent, type ProcessOptions, type Supervisor, type SupervisorOptions } from './supervisor.ts'

/** Supervisors of one test, on a folder of their own, and what they told. */
export function supervisors(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'dure-supervisor-'))
  const lines: string[] = []
  const events: ProcessEvent[] = []
  let wake = (): void => {}
  const running: Supervisor[] = []
  t.after(async () => {
    for (const one of running) await one.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  return {
    directory,
    lines,
    events,
    start: async (processes: readonly ProcessOptions[], more: Partial<SupervisorOptions> = {}): Promise<Supervisor> => {
      const supervisor = await supervise({
        ...{ directory, processes, runtime: realRuntime(), backoff: { first: 5, max: 20 } },
        onLine: ({ name, stream, text }) => {
          lines.push(`${name} ${stream} ${text}`)
          wake()
        },
        onEvent: (event) => {
          events.push(event)
          wake()
        },
        ...more,
      })
      running.push(supervisor)
      return supervisor
    },
    until: async (condition: () => boolean): Promise<void> => {
      while (!condition()) await new Promise<void>((resolve) => void (wake = resolve))
    },
  }
}
