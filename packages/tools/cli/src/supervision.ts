/** Processes or threads that this one looks after: how they begin, and what becomes of them. */
import { supervise, type ProcessEvent, type Supervisor } from 'dure/supervisor'
import type { Say } from './log.ts'
import { CliError } from './shell.ts'

/** @throws {CliError} when something cannot start */
export async function begin(options: Parameters<typeof supervise>[0]): Promise<Supervisor> {
  try {
    return await supervise(options)
  } catch (cause) {
    if ((cause as Error).name === 'SupervisorError') throw new CliError((cause as Error).message, { cause })
    throw cause
  }
}

/** What becomes of processes or threads, in words. */
export function reportOf(what: ProcessEvent, kind: 'Process' | 'Thread'): Parameters<Say> {
  switch (what.kind) {
    case 'ended':
      return ['warn', `${kind} ${what.how}; it is started again`, { process: what.name, inMs: Math.round(what.again) }]
    case 'back':
      return ['info', `${kind} is back`, { process: what.name, afterMs: Math.round(what.ms) }]
    case 'silent':
      return [
        'warn',
        `${kind} shows no sign of life and is ${kind === 'Process' ? 'killed' : 'terminated'}`,
        { process: what.name },
      ]
    case 'replaced':
      return ['info', `${kind} is replaced`, { process: what.name, afterMs: Math.round(what.ms) }]
    case 'moved':
      return [
        'info',
        'Service has moved to another process',
        { service: what.name, from: what.from, to: what.to, afterMs: Math.round(what.ms), awayMs: Math.round(what.away) },
      ]
    case 'not held':
      return ['warn', `What it listens on is not held while the process is away: ${what.why}`, { process: what.name }]
  }
}
