/**
 * The payment provider as a process of its own: `node --conditions=dure-source provider/main.ts --file F [--port N]`. Started
 * by another process over IPC it says there where it listens, and ends when that process does.
 */
import { FlagError, describeFlags, numberFlag, readFlags, textFlag } from '../workload/flags.ts'
import { UNRELIABLE } from './moods.ts'
import { startProvider } from './provider.ts'

const FLAGS = {
  port: numberFlag({ help: 'Port it listens on; 0 takes a free one', fallback: 8090, most: 65_535 }),
  host: textFlag('HOST', 'Address it listens on; 0.0.0.0 is everybody', '127.0.0.1'),
  file: textFlag('FILE', 'Where charges are kept', '.data/provider/charges.sqlite'),
  seed: numberFlag({ help: 'Seed of its moods', fallback: UNRELIABLE.seed }),
  declines: numberFlag({ help: 'Fraction of invoices declined', fallback: UNRELIABLE.declines, most: 1, whole: false }),
}

async function main(words: readonly string[]): Promise<void> {
  const flags = readFlags(FLAGS, words)
  if (flags === undefined) {
    process.stdout.write(`Usage: node --conditions=dure-source provider/main.ts [flags]\n\n${describeFlags(FLAGS)}\n`)
    return
  }
  const { port, host, file, seed, declines } = flags
  const provider = await startProvider({ file, port, host, unreliability: { seed, declines } })
  const stop = (): void => void provider.stop()
  if (process.send === undefined) {
    process.stdout.write(`Payment provider at ${provider.url}\n`)
    process.once('SIGINT', stop).once('SIGTERM', stop)
    return
  }
  // A terminal's Ctrl-C reaches every process of the command: payments under way still need their provider, until
  // the one who started it is gone, however that came about.
  process.on('SIGINT', () => {}).on('SIGTERM', () => {})
  process.once('disconnect', stop)
  process.send?.({ url: provider.url })
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(
    `${error instanceof FlagError ? error.message : `Cannot start the payment provider: ${(error as Error).message}`}\n`,
  )
  process.exitCode = 1
  if (process.connected) process.disconnect?.()
}
