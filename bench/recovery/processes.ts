import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realRuntime } from 'dure/runtime'
import { groupsOf, socketsOf, start, type Running, type System } from 'dure/service'
import { supervise, type Supervisor } from 'dure/supervisor'
import { silentLogger } from 'dure/telemetry'

/** A system split into processes, and this process as its caller. */
export type Split = {
  readonly supervisor: Supervisor
  readonly caller: Running
  readonly directory: string
  /** What the processes have written. */
  readonly lines: readonly string[]
  /** The processes of these names, or whose names begin so and go on with the number of the copy. */
  readonly pidsOf: (name: string) => readonly number[]
}

/** Runs a system, each service with so many copies, from the program that is one process of it: its words are the directory and the members. */
export async function withProcesses<T>(
  options: {
    readonly system: System
    readonly program: string
    readonly copies: Readonly<Record<string, number>>
    readonly env: Readonly<Record<string, string | undefined>>
  },
  work: (split: Split) => Promise<T>,
): Promise<T> {
  const { system, program, copies, env } = options
  const directory = mkdtempSync(join(tmpdir(), 'dure-recovery-'))
  chmodSync(directory, 0o755)
  const lines: string[] = []
  const supervisor = await supervise({
    directory,
    processes: groupsOf(system, copies).map((group) => ({
      ...{ name: group.name, node: ['--conditions=dure-source'], env },
      program: [join(import.meta.dirname, program), directory, ...group.members],
      ...socketsOf(group, { doors: [], directory }),
    })),
    runtime: realRuntime(),
    onLine: ({ name, text }) => {
      lines.push(text)
      process.stderr.write(`${name} | ${text}\n`)
    },
  })
  try {
    const caller = await start(system, { directory, part: ['doors'], log: silentLogger() })
    try {
      const pidsOf = (wanted: string): readonly number[] =>
        supervisor
          .processes()
          .flatMap(({ name, pid }) => (name.replace(/#\d+$/, '') === wanted && pid !== undefined ? [pid] : []))
      return await work({ supervisor, caller, directory, lines, pidsOf })
    } finally {
      await caller.stop()
    }
  } finally {
    await supervisor.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}
