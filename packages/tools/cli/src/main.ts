import { isMainThread } from 'node:worker_threads'
import { realRuntime } from 'dure/runtime'
import { runCli } from './app.ts'
import type { Shell } from './shell.ts'
import { joinDev } from './watched.ts'

/** What units of systemd say to their process. */
const BY_SYSTEMD = ['NOTIFY_SOCKET', 'LISTEN_FDS', 'CREDENTIALS_DIRECTORY']

/** Runs the command line of this process. */
export async function main(): Promise<void> {
  const { stdout, stderr, env } = process
  const color = stdout.isTTY === true && stderr.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  // `dure call … | head` closes the pipe: everything that was wanted has been read.
  stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  // Loaded only where there may be one.
  const may = env['DURE_SUPERVISOR'] ? process.connected || !isMainThread : BY_SYSTEMD.some((name) => env[name])
  const supervised = may ? (await import('dure/supervisor')).joinSupervisor() : undefined
  const watched = supervised === undefined ? joinDev() : undefined
  const shell: Shell = {
    process,
    cwd: process.cwd(),
    stdin: process.stdin,
    // A terminal that does not know its width says 0.
    columns: stdout.columns || 80,
    color,
    piped: stdout.isTTY !== true,
    interactive: process.stdin.isTTY === true && stderr.isTTY === true,
    stopped: () => (supervised ?? watched)?.stopped ?? stopped(),
    supervised,
    watched,
  }
  process.exitCode = await runCli(process.argv.slice(2), shell)
  // The channel to whoever started it would keep this process, or thread, alive.
  supervised?.leave()
  if (process.connected) process.disconnect?.()
}

/** One Ctrl-C comes several times where npm, or this command on an older Node, hands on what the terminal has told all. */
const SAME = 500

/** Ends by signal; by a second one at once. */
function stopped(): Promise<string> {
  const { clock } = realRuntime()
  return new Promise((resolve) => {
    let asked: number | undefined
    const ask = (signal: NodeJS.Signals): void => {
      if (asked === undefined) resolve(signal)
      else if (clock.monotonic() - asked > SAME) process.exit(signal === 'SIGINT' ? 130 : 143)
      asked ??= clock.monotonic()
    }
    process.on('SIGINT', ask)
    process.on('SIGTERM', ask)
  })
}
