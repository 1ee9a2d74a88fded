import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { askListing } from './control/control.ts'
import { CliError, EXIT, say, type Shell } from './shell.ts'

/** What a system keeps in its directory: stores, their locks, what processes tell each other. */
const OURS =
  /^(?:.+\.(?:db|lock)(?:-(?:wal|shm|journal))?|(?:control|supervisor|collector)\.sock|collector|console\.(?:key|link)|supervisor\.json(?:\.lock)?|registry|sockets)$/

/**
 * Empties a data directory, after it has said what goes.
 * @throws {CliError} when anything in it is not a system's, or a system runs on it; then nothing is deleted
 */
export async function resetData(shell: Shell, directory: string): Promise<void> {
  const entries = existsSync(directory) ? readdirSync(directory) : []
  if (entries.length === 0) return say(shell, `Nothing to delete in "${directory}"`)
  const strange = entries.filter((entry) => !OURS.test(entry) || lstatSync(join(directory, entry)).isSymbolicLink())
  const cannot = (why: string): never => {
    throw new CliError(`Cannot empty the data directory "${directory}": ${why}. Nothing was deleted`, { exitCode: EXIT.misuse })
  }
  if (strange.length > 0) {
    const names = `${strange
      .slice(0, 3)
      .map((name) => `"${name}"`)
      .join(', ')}${strange.length > 3 ? ', …' : ''}`
    cannot(`${names} in it is not a system's; look at --data, or delete it yourself`)
  }
  if (await isRunning(directory)) cannot('a system runs on it; stop that first')
  say(shell, `Deleting all in "${directory}": ${entries.join(', ')}`)
  for (const entry of entries) rmSync(join(directory, entry), { recursive: true, force: true })
}

async function isRunning(directory: string): Promise<boolean> {
  try {
    await askListing(directory)
    return true
  } catch {
    return false
  }
}
