import { mkdtempSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCli } from './app.ts'
import type { Shell } from './shell.ts'

export const SOURCES: string = dirname(fileURLToPath(import.meta.url))

export function temporary(): string {
  return mkdtempSync(join(tmpdir(), 'dure-cli-'))
}

/** Makes a folder's files find the library, as an installation would. */
export function linkLibrary(folder: string): void {
  symlinkSync(join(SOURCES, '../../../../node_modules'), join(folder, 'node_modules'))
}

/** Runs a command line in this process and gives all that came of it. */
export async function dure(
  args: readonly string[],
  world: {
    cwd?: string
    stdin?: string
    env?: Record<string, string>
    columns?: number
    color?: boolean
    piped?: boolean
    stop?: Promise<unknown>
    onOut?: (text: string) => void
  } = {},
): Promise<{ code: number; out: string; err: string }> {
  let out = ''
  let err = ''
  const shell: Shell = {
    process: {
      stdout: {
        write: (text) => {
          out += text
          world.onOut?.(out)
        },
      },
      stderr: { write: (text) => void (err += text) },
      env: world.env ?? {},
    },
    cwd: world.cwd ?? SOURCES,
    stdin: (async function* () {
      yield world.stdin ?? ''
    })(),
    columns: world.columns ?? 80,
    color: world.color ?? false,
    piped: world.piped ?? false,
    interactive: false,
    stopped: async () => {
      await world.stop
      return 'the test is over'
    },
  }
  const code = await runCli(args, shell)
  return { code, out, err }
}

/** Starts a system with `dure start` in this process; `stop` gives all that came of it. */
export async function startHere(...args: readonly string[]): Promise<{ out: () => string; stop: () => ReturnType<typeof dure> }> {
  const stopped = Promise.withResolvers<void>()
  const ready = Promise.withResolvers<void>()
  let said = ''
  const onOut = (out: string): void => {
    said = out
    if (out.includes('Try: dure call')) ready.resolve()
  }
  const running = dure(['start', ...args, '--log', 'pretty'], { stop: stopped.promise, onOut })
  void running.then(({ err }) => ready.reject(new Error(err)))
  await ready.promise
  return {
    out: () => said,
    stop: () => {
      stopped.resolve()
      return running
    },
  }
}
