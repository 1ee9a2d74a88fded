import { runCli } from './app.ts'
import type { Shell } from './shell.ts'

/** Runs the command line of this process. */
export async function main(): Promise<void> {
  const { stdout, stderr, env } = process
  const color = stdout.isTTY === true && stderr.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  // `dure call … | head` closes the pipe: everything that was wanted has been read.
  stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  // Loaded only where there is one.
  const supervised = env['DURE_SUPERVISOR'] && process.connected ? (await import('dure/supervisor')).joinSupervisor() : undefined
  const shell: Shell = {
    process,
    cwd: process.cwd(),
    stdin: process.stdin,
    // A terminal that does not know its width says 0.
    columns: stdout.columns || 80,
    color,
    piped: stdout.isTTY !== true,
    interactive: process.stdin.isTTY === true && stderr.isTTY === true,
    stopped: supervised === undefined ? stopped : () => supervised.stopped,
    supervised,
  }
  process.exitCode = await runCli(process.argv.slice(2), shell)
  // The channel to a parent would keep this process alive.
  if (process.connected) process.disconnect?.()
}

/** A child of `dure dev` ends when its parent says so or is gone; anything else ends by signal, at once by a second one. */
function stopped(): Promise<string> {
  return new Promise((resolve) => {
    if (process.env['DURE_SUPERVISED'] && process.connected) {
      process.on('SIGINT', () => {})
      process.on('message', (message) => {
        if (message === 'stop') resolve('asked by dure dev')
      })
      process.on('disconnect', () => resolve('dure dev is gone'))
      return
    }
    let asked = false
    const ask = (signal: NodeJS.Signals): void => {
      if (asked) process.exit(signal === 'SIGINT' ? 130 : 143)
      asked = true
      resolve(signal)
    }
    process.on('SIGINT', ask)
    process.on('SIGTERM', ask)
  })
}
