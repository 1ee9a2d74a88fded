/** Settings from a server of Spring Cloud Config, Spring's own or ours. */
import {
  ConfigError,
  polledSource,
  type ConfigAdapter,
  type ConfigLayer,
  type ConfigProblem,
  type ConfigScalar,
  type ConfigSnapshot,
  type ConfigValue,
} from 'dure/config'
import type { Runtime } from 'dure/runtime'
import { checkNumbers, httpAddress, inTime, readText, WAIT, whyFetchFailed } from 'dure/runtime/internal'
import { WITH_ORIGINS } from './answers.ts'
import { isCipher, springDecrypt, type Decrypt } from './cipher.ts'

export type SpringConfigOptions = {
  /** `http://127.0.0.1:8888`, with `user:password@` where the server asks for those. */
  readonly url: string
  /** `spring.application.name`: whose settings, one or several with commas. */
  readonly application: string
  /** Default `['default']`, as Spring. */
  readonly profiles?: readonly string[]
  /** A branch, a tag or a commit. Default: the server's. */
  readonly label?: string
  /** The value of the header `authorization`, asked for each request. Default: what the url says. */
  readonly authorization?: () => string | Promise<string>
  /** For `{cipher}` values that the server gives as they are: Spring's `encrypt.key`. */
  readonly encryptKey?: string
  /** As Spring's `encrypt.salt`, in hexadecimal digits. Default `deadbeef`, as there. */
  readonly encryptSalt?: string
  /** Milliseconds between two looks. Default 5,000. */
  readonly interval?: number
  /** Milliseconds that an answer may take. Default 5,000. */
  readonly timeout?: number
}

/** Bytes of an answer; sources and values of one. */
const [MOST, MOST_SOURCES, MOST_VALUES] = [16 * 1_048_576, 1_000, 100_000]

/**
 * Settings from a server of Spring Cloud Config, asked at intervals. While it is away, what was known is kept and said to be stale. A
 * value that the server could not decrypt (`invalid.x: <n/a>`, answered with 200) fails the reading, and so does one that is still
 * encrypted and cannot be decrypted here.
 *
 * @example
 * ```ts
 * import { folderRepository, springConfig, startConfigServer } from '@dure/config-server'
 * import { mkdirSync, writeFileSync } from 'node:fs'
 * import { realRuntime } from 'dure/runtime'
 * import { silentLogger } from 'dure/telemetry'
 *
 * mkdirSync('of-spring', { recursive: true })
 * writeFileSync('of-spring/orders-prod.yml', 'payment: { timeout: 500 }')
 * const [directory, log] = ['.config-client', silentLogger()]
 * const server = await startConfigServer({ repository: folderRepository('of-spring'), directory, port: 0, log })
 *
 * const settings = springConfig({ url: server.url, application: 'orders', profiles: ['prod'] })
 * const source = await settings({ directory, runtime: realRuntime(), log }) // system('shop', { services, config: [settings] })
 * console.log((await source.read()).layers[0]?.values.get('payment.timeout')?.value) // → 500
 * await source.stop()
 * await server.stop()
 * ```
 */
export function springConfig(options: SpringConfigOptions): ConfigAdapter {
  const { application, profiles = ['default'], label, interval = 5_000, timeout = 5_000 } = options
  checkNumbers('read settings of a configuration server', options, { interval: WAIT, timeout: WAIT })
  const { base, authorization } = httpAddress('configuration server', options.url)
  const decrypt = springDecrypt(options.encryptKey, options.encryptSalt)
  const path = [application, profiles.join(','), ...(label === undefined ? [] : [label])]
    .map((part) => encodeURIComponent(part.replaceAll('/', '(_)')).replaceAll('%2C', ','))
    .join('/')
  const name = `configuration server ${base} (${application}, ${profiles.join(',')})`
  return (world) => {
    const stopping = new AbortController()
    const look = async (): Promise<ConfigSnapshot> => {
      const allowed = options.authorization === undefined ? authorization : await options.authorization()
      const asked = { url: `${base}/${path}`, authorization: allowed, timeout, signal: stopping.signal }
      const text = await answerOf(asked, world.runtime).catch((error: unknown) => {
        throw awayError(name, error instanceof Refused ? error.message : whyFetchFailed(error), error)
      })
      return snapshotOf(text, { name, decrypt })
    }
    const stop = async (): Promise<void> => stopping.abort()
    return polledSource({ name, remote: true, interval, look, stop }, world)
  }
}

const awayError = (name: string, why: string, cause?: unknown): ConfigError =>
  new ConfigError(`Reading settings of "${name}" failed`, [{ from: name, why }], { away: true, cause })

/** The server answers, and not with settings. */
class Refused extends Error {
  override readonly name = 'Refused'
}

async function answerOf(
  asked: {
    readonly url: string
    readonly authorization: string | undefined
    readonly timeout: number
    readonly signal: AbortSignal
  },
  { timers, fetch = (request: Request) => globalThis.fetch(request) }: Pick<Runtime, 'timers' | 'fetch'>,
): Promise<string> {
  const { url, authorization, timeout, signal } = asked
  const giveUp = new AbortController()
  const answered = async (): Promise<string> => {
    const headers = { accept: WITH_ORIGINS, ...(authorization !== undefined && { authorization }) }
    const response = await fetch(
      new Request(url, { headers, signal: AbortSignal.any([signal, giveUp.signal]), redirect: 'error' }),
    )
    const text = await readText(response, MOST)
    if (response.status !== 200) throw new Refused(`it answered ${response.status}${saidIn(text)}`)
    return text
  }
  const late = (): never => {
    giveUp.abort()
    throw new Refused(`it did not answer within ${timeout} ms`)
  }
  return inTime(timers, timeout, answered(), late)
}

/** Ours says in words what it refuses. */
function saidIn(text: string): string {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown }
    return typeof message === 'string' && message !== '' ? `: ${message.slice(0, 1_000)}` : ''
  } catch {
    return ''
  }
}

type Reading = { readonly name: string; readonly decrypt: Decrypt }

/** @throws {ConfigError} when it is no answer of such a server, or has a value that cannot be used */
function snapshotOf(text: string, reading: Reading): ConfigSnapshot {
  const { name } = reading
  const environment = parsed(text) as { readonly propertySources?: unknown; readonly version?: unknown } | undefined
  const sources = environment?.propertySources
  if (!Array.isArray(sources) || sources.length > MOST_SOURCES)
    throw awayError(name, 'what answers there is no configuration server: its answer has no list "propertySources"')
  const revision = typeof environment?.version === 'string' ? environment.version : undefined
  const problems: ConfigProblem[] = []
  const layers = sources.map((source) => layerOf(source, { ...reading, revision, problems }))
  if (layers.reduce((sum, { values }) => sum + values.size, 0) > MOST_VALUES)
    problems.push({ from: name, why: `it has more than ${MOST_VALUES} values` })
  if (problems.length > 0) throw new ConfigError(`Reading settings of "${name}" failed`, problems)
  return { layers, ...(revision !== undefined && { revision }) }
}

function layerOf(
  given: unknown,
  { name, decrypt, revision, problems }: Reading & { readonly revision: string | undefined; readonly problems: ConfigProblem[] },
): ConfigLayer {
  const { name: from, source } = (given ?? {}) as { readonly name?: unknown; readonly source?: unknown }
  if (typeof from !== 'string' || typeof source !== 'object' || source === null) {
    problems.push({ from: name, why: 'it has a source of settings without a name or values' })
    return { name, values: new Map() }
  }
  const values = new Map<string, ConfigValue>()
  for (const [key, found] of Object.entries(source)) {
    const { value, line } = placed(found)
    const at = { from, ...(line !== undefined && { line }), ...(revision !== undefined && { revision }) }
    if (key.startsWith('invalid.') && value === '<n/a>') {
      problems.push({ from, key: key.slice('invalid.'.length), why: 'the server could not decrypt it; look at its key' })
    } else if (isCipher(value)) {
      const { text, why } = decrypt(value)
      if (text === undefined) problems.push({ from, line, key, why })
      else values.set(key, { ...at, value: text, secret: true })
    } else if (!isScalar(value)) problems.push({ from, line, key, why: 'it is neither a text, a number, true nor false' })
    else values.set(key, { ...at, value })
  }
  return { name: from, values }
}

/** `{ value, origin: "3:8" }`, or the value alone. */
function placed(found: unknown): { readonly value: unknown; readonly line: number | undefined } {
  if (typeof found !== 'object' || found === null || !('value' in found)) return { value: found, line: undefined }
  const [, line] = /^(\d{1,9})(?::\d+)?$/.exec(String((found as { readonly origin?: unknown }).origin ?? '')) ?? []
  return { value: found.value, line: line === undefined ? undefined : Math.max(1, Number(line)) }
}

const isScalar = (value: unknown): value is ConfigScalar =>
  value === null || ['string', 'boolean'].includes(typeof value) || (typeof value === 'number' && Number.isFinite(value))

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
