import { readFile } from 'node:fs/promises'
import type { ConfigKeys } from '../sealed.ts'

/**
 * Keys of encrypted values from a file: a line each, 32 bytes in Base64 or hexadecimal. The first encrypts, all decrypt. It is read with
 * every change of settings.
 *
 * @example
 * ```ts
 * import { writeFileSync } from 'node:fs'
 * import { keyFile } from 'dure/config'
 *
 * writeFileSync('config.key', `${Buffer.alloc(32, 7).toString('base64')}\n`) // openssl rand -base64 32 > config.key
 * const keys = keyFile('config.key') // system('shop', { services, config: { sources, keys } })
 * console.log((await keys.read())[0]?.length) // → 32
 * ```
 */
export function keyFile(path: string): ConfigKeys {
  const name = `the key file "${path}"`
  return { name, read: async () => keysIn(await readFile(path, 'utf8'), name) }
}

/**
 * The same from an environment variable, with commas or lines between keys.
 *
 * @example
 * ```ts
 * import { keyVariable } from 'dure/config'
 *
 * const keys = keyVariable('SHOP_CONFIG_KEY', { SHOP_CONFIG_KEY: '07'.repeat(32) })
 * console.log((await keys.read())[0]?.length) // → 32
 * ```
 */
export function keyVariable(variable: string, variables: Readonly<Partial<Record<string, string>>> = process.env): ConfigKeys {
  const name = `the variable "${variable}"`
  return { name, read: async () => keysIn(variables[variable] ?? '', name) }
}

function keysIn(text: string, name: string): readonly Uint8Array[] {
  const found = text.split(/[\s,]+/).filter((one) => one !== '')
  if (found.length === 0) throw new Error(`${name} has no key; make one with "openssl rand -base64 32"`)
  return found.map((one, at) => {
    const bytes = /^[\da-f]{64}$/i.test(one) ? Buffer.from(one, 'hex') : Buffer.from(one, 'base64')
    if (bytes.length !== 32)
      throw new Error(`Key ${at + 1} of ${name} has ${bytes.length} bytes; give 32, in Base64 or hexadecimal`)
    return new Uint8Array(bytes)
  })
}
