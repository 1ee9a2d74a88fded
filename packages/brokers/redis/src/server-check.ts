import { CallError } from 'dure/contract'
import type { Logger } from 'dure/telemetry'
import type { Connection } from './connection.ts'
import { refusalOf } from './errors.ts'

/** The oldest version whose consumer groups count what they have read. */
const OLDEST = 7

/**
 * Refuses a server on which messages would be lost in quiet, and warns of one that may lose the last of them.
 * @throws {CallError} FAILED_PRECONDITION with what to change
 */
export async function checkServer(connection: Connection, log: Logger): Promise<{ readonly durable: boolean }> {
  const { where } = connection
  const trouble = (state: string, advice: string): CallError =>
    new CallError('FAILED_PRECONDITION', `Cannot use Redis at ${where}: ${state}; ${advice}`)
  const info = await connection.command<string>('look at the server', ['INFO'])
  const has = (name: string): string => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim() ?? ''
  if (Number.parseInt(has('redis_version'), 10) < OLDEST)
    throw trouble(`it is version ${has('redis_version')}`, `use Redis ${OLDEST} or newer, or Valkey`)
  if (has('cluster_enabled') === '1')
    throw trouble(
      'it is in cluster mode, where the server of a topic may change at any time',
      'use one primary, with replicas if you like',
    )
  if (has('role') === 'slave') throw trouble('it is a replica, which only reads', 'connect to the primary')
  const settings = await settingsOf(connection)
  if (settings === undefined) {
    log.warn(
      `Whether Redis at ${where} keeps what it takes could not be seen, as CONFIG is not allowed: it needs "appendonly yes", "appendfsync always" and "maxmemory-policy noeviction"`,
    )
    return { durable: true }
  }
  const policy = settings.get('maxmemory-policy') ?? ''
  if (policy.startsWith('allkeys'))
    throw trouble(
      `it throws topics away when its memory is full ("maxmemory-policy ${policy}")`,
      'set "maxmemory-policy noeviction"',
    )
  const [appendonly, appendfsync] = [settings.get('appendonly'), settings.get('appendfsync')]
  if (appendonly !== 'yes')
    log.warn(
      `Redis at ${where} loses what it has taken when it ends ("appendonly ${appendonly}"): set "appendonly yes" and "appendfsync always"`,
    )
  else if (appendfsync !== 'always')
    log.warn(
      `Redis at ${where} may lose the last of what it has taken when the power goes ("appendfsync ${appendfsync}"): set "appendfsync always"`,
    )
  return { durable: appendonly === 'yes' }
}

/** Undefined where looking is not allowed: hosted servers often do not. */
async function settingsOf(connection: Connection): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    const found = new Map<string, string>()
    for (const name of ['appendonly', 'appendfsync', 'maxmemory-policy'])
      found.set(name, (await connection.command<string[]>('look at the settings', ['CONFIG', 'GET', name]))[1] ?? '')
    return found
  } catch (error) {
    if (/^(NOPERM|ERR)\b/.test(refusalOf(error))) return undefined
    throw error
  }
}
