import { readdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { checkNumbers, WAIT } from '../../runtime/internal.ts'
import { ConfigError, type ConfigProblem } from '../errors.ts'
import { keyAt } from '../key.ts'
import { polledSource } from '../polled.ts'
import type { ConfigAdapter, ConfigValue } from '../source.ts'
import { readText } from './folder.ts'

export type MountOptions = {
  readonly path: string
  /** Goes before the name of each file: `payment` makes `payment.apiKey` of the file `apiKey`. Default: nothing. */
  readonly prefix?: string
  /** Whether its values are never shown. Default true, as that is what mounts are mostly for. */
  readonly secret?: boolean
  /** Milliseconds between two looks for changes. Default 500. */
  readonly interval?: number
}

/** Files of one mount. */
const MOST_FILES = 1_000

/**
 * Settings from a folder with a file for each, named as its key: a Secret or ConfigMap of Kubernetes, or the secrets of Docker. A line
 * end at the end of a file is none of its value.
 *
 * @example
 * ```ts
 * import { mkdirSync, writeFileSync } from 'node:fs'
 * import { mount } from 'dure/config'
 * import { realRuntime } from 'dure/runtime'
 * import { silentLogger } from 'dure/telemetry'
 *
 * mkdirSync('secrets')
 * writeFileSync('secrets/apiKey', 'abc\n')
 * const source = await mount({ path: 'secrets', prefix: 'payment' })({ directory: '.dure', runtime: realRuntime(), log: silentLogger() })
 * console.log([...(await source.read()).layers[0]!.values.keys()]) // → [ 'payment.apiKey' ]
 * await source.stop()
 * ```
 */
export function mount(options: MountOptions): ConfigAdapter {
  const { path, prefix = '', secret = true, interval = 500 } = options
  checkNumbers(`read settings of the mount "${path}"`, { interval }, { interval: WAIT })
  const refused = (problems: readonly ConfigProblem[]): ConfigError =>
    new ConfigError(`Cannot read settings of the mount "${path}"`, problems)
  const look = async () => {
    const place = await realpath(join(path, '..data')).catch(async () => realpath(path).catch(() => undefined))
    if (place === undefined) throw refused([{ from: path, why: 'there is no such folder' }])
    const names = (await readdir(place)).filter((name) => !name.startsWith('.')).toSorted()
    if (names.length > MOST_FILES)
      throw refused([{ from: path, why: `it has ${names.length} files; give ${MOST_FILES} at most` }])
    const problems: ConfigProblem[] = []
    const values = new Map<string, ConfigValue>()
    for (const name of names) {
      const file = join(path, name)
      const text = await readText(join(place, name), file, problems)
      if (text !== undefined)
        values.set(keyAt(prefix, name), { value: text.replace(/\r?\n$/, ''), from: file, ...(secret && { secret }) })
    }
    if (problems.length > 0) throw refused(problems)
    return { layers: [{ name: path, values }] }
  }
  return (world) => polledSource({ name: `mount ${path}`, interval, settled: true, look }, world)
}
