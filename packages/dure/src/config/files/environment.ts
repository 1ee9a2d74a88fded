import { CallError } from '../../contract/contract.ts'
import { ConfigError, type ConfigProblem } from '../errors.ts'
import type { ConfigAdapter, ConfigValue } from '../source.ts'

export type EnvironmentOptions = {
  /** Of the names of variables that are settings. The rest of the name is the key: `SHOP_PAYMENT__TIMEOUT` is `payment.timeout` for `SHOP_`. */
  readonly prefix: string
  /** Default: those of this process. */
  readonly variables?: Readonly<Partial<Record<string, string>>>
  /** Whether its values are never shown. Default false. */
  readonly secret?: boolean
}

/**
 * Settings from environment variables, which stay as they were when the process began. Two underscores part the names of a key, numbers
 * are places in lists (`SHOP_PAYMENT__HOSTS__0`); letters may be of any case, and `MAX_RETRIES` is `maxRetries` as well as
 * `max-retries`, whichever the others or the schema have.
 *
 * @example
 * ```ts
 * import { environment } from 'dure/config'
 * import { realRuntime } from 'dure/runtime'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const make = environment({ prefix: 'SHOP_', variables: { SHOP_PAYMENT__TIMEOUT: '500', HOME: '/root' } })
 * const source = await make({ directory: '.dure', runtime: realRuntime(), log: silentLogger() })
 * console.log((await source.read()).layers[0]?.values.get('payment.timeout')?.value) // → 500
 * ```
 */
export function environment(options: EnvironmentOptions): ConfigAdapter {
  const { prefix, secret = false } = options
  if (prefix === '')
    throw new TypeError('Cannot read settings of the environment: all variables would be settings; give a "prefix"')
  return () => {
    const name = `environment ${prefix}`
    const problems: ConfigProblem[] = []
    const values = new Map<string, ConfigValue>()
    for (const [variable, value] of Object.entries(options.variables ?? process.env)) {
      if (!variable.startsWith(prefix) || value === undefined) continue
      const key = keyOf(variable.slice(prefix.length))
      const before = values.get(key)
      if (before !== undefined) problems.push({ from: variable, key, why: `"${before.from}" says it already; keep one of them` })
      else if (key !== '') values.set(key, { value, from: variable, ...(secret && { secret }) })
    }
    if (problems.length > 0) throw new ConfigError('Cannot read settings of the environment', problems)
    let stopped = false
    return {
      name,
      perProcess: true,
      read: async () => {
        if (stopped) throw new CallError('FAILED_PRECONDITION', `Reading settings of "${name}" was refused: it was stopped`)
        return { layers: [{ name, values, relaxed: true }] }
      },
      watch: () => ({ stop: () => {} }),
      freshness: () => ({ state: 'fresh' }),
      stop: async () => {
        stopped = true
      },
    }
  }
}

function keyOf(name: string): string {
  const parts = name.toLowerCase().split('__')
  return parts
    .map((part, at) => (/^\d+$/.test(part) ? `[${part}]` : `${at === 0 ? '' : '.'}${part.replaceAll('_', '')}`))
    .join('')
}
