import { createCipheriv, createDecipheriv } from 'node:crypto'
import { CallError } from '../contract/contract.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { AnyAggregate, PersonalFields } from './definition.ts'
import type { SubjectKeys } from './keys.ts'
import { unreadable, type Stored } from './stored.ts'

/** Seals personal fields of what is stored, each with the key of its subject, and opens them while there is that key. */
export type Seals = {
  /** The same with its personal fields sealed. */
  readonly seal: (event: Stored, personal: PersonalFields) => Promise<Stored>
  readonly open: (events: readonly Stored[]) => Promise<readonly Stored[]>
}

/** What stands in the place of a field. What it is read as without its key goes with it: that is of the version in which it was written. */
type Seal = { readonly key: string; readonly text: string; readonly forgotten: unknown }

const SEALED = '$dure.sealed'
const [NONCE, TAG] = [12, 16]

/** A quick look, which may be wrong where a text has the word in it. */
export function hasSeals(data: string): boolean {
  return data.includes(`"${SEALED}"`)
}

export function createSeals(keys: SubjectKeys, random: Runtime['random']): Seals {
  return {
    seal: async (event, { subject, fields }) => {
      const json: unknown = JSON.parse(event.data)
      const [holder, at] = placeOf(json, subject)
      const whom = holder?.[at]
      if (typeof whom !== 'string' || whom === '') {
        throw new CallError(
          'INVALID_ARGUMENT',
          `Sealing personal fields of "${event.type}" failed: "${subject}" must say whom they are about, as a text`,
          { inside: true },
        )
      }
      const { id, secret } = await keys.of(whom)
      for (const [path, forgotten] of Object.entries(fields)) {
        const [parent, name] = placeOf(json, path)
        if (parent === undefined || !Object.hasOwn(parent, name)) continue
        const nonce = random.fill(new Uint8Array(NONCE))
        const cipher = createCipheriv('aes-256-gcm', secret, nonce).setAAD(boundTo(event, path))
        const text = Buffer.concat([nonce, cipher.update(JSON.stringify(parent[name])), cipher.final(), cipher.getAuthTag()])
        parent[name] = { [SEALED]: { key: id, text: text.toString('base64'), forgotten } satisfies Seal }
      }
      return { ...event, data: JSON.stringify(json) }
    },
    open: async (events) => {
      const needed = new Set<string>()
      const parsed = events.map((event) => {
        const json = hasSeals(event.data) ? parse(event.data) : undefined
        if (json !== undefined) eachSeal(json, '', (seal) => (needed.add(seal.key), seal))
        return { event, json }
      })
      if (needed.size === 0) return events
      const secrets = await keys.find([...needed])
      return parsed.map(({ event, json }) => {
        if (json === undefined) return event
        const open = (seal: Seal, path: string): unknown => {
          const secret = secrets.get(seal.key)
          return secret === undefined ? seal.forgotten : opened(event, path, seal, secret)
        }
        return { ...event, data: JSON.stringify(eachSeal(json, '', open)) }
      })
    },
  }
}

/** Opens nothing: what is personal is read as if it were forgotten, by whoever has no business with it. */
export function forgetful(random: Runtime['random']): Seals {
  const nobody = async (): Promise<never> => {
    throw new CallError('FAILED_PRECONDITION', 'Sealing personal fields failed: nothing is stored through this', { inside: true })
  }
  const find: SubjectKeys['find'] = async (ids) => new Map(ids.map((id) => [id, undefined]))
  return createSeals({ of: nobody, forget: nobody, find }, random)
}

function opened(event: Stored, path: string, { key, text }: Seal, secret: Uint8Array): unknown {
  try {
    const bytes = Buffer.from(text, 'base64')
    const decipher = createDecipheriv('aes-256-gcm', secret, bytes.subarray(0, NONCE))
    decipher.setAAD(boundTo(event, path)).setAuthTag(bytes.subarray(-TAG))
    return JSON.parse(Buffer.concat([decipher.update(bytes.subarray(NONCE, -TAG)), decipher.final()]).toString('utf8'))
  } catch {
    throw unreadable(
      event,
      `: its field "${path}" was not sealed with key "${key}", or has been changed. To do: restore the store of keys, or that of the events, from its backup`,
    )
  }
}

/** A seal counts where it was made: copied to another event or field it opens nothing. */
function boundTo({ stream, streamId, version }: Stored, path: string): Buffer {
  return Buffer.from(JSON.stringify([stream, streamId, version, path]))
}

/** The value with each seal replaced by what `open` makes of it. */
function eachSeal(json: unknown, path: string, open: (seal: Seal, path: string) => unknown): unknown {
  if (typeof json !== 'object' || json === null) return json
  if (Array.isArray(json)) return json.map((one, at) => eachSeal(one, join(path, String(at)), open))
  const seal = (json as Record<string, unknown>)[SEALED] as Seal | undefined
  if (seal !== undefined && typeof seal === 'object' && typeof seal?.text === 'string') return open(seal, path)
  return Object.fromEntries(Object.entries(json).map(([name, one]) => [name, eachSeal(one, join(path, name), open)]))
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

function placeOf(json: unknown, path: string): [parent: Record<string, unknown> | undefined, name: string] {
  const names = path.split('.')
  let at: unknown = json
  for (const name of names.slice(0, -1))
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[name] : undefined
  return [typeof at === 'object' && at !== null ? (at as Record<string, unknown>) : undefined, names.at(-1)!]
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    // The decoder says so.
    return undefined
  }
}

/** @throws {TypeError} when personal fields would be kept where they cannot be forgotten */
export function checkPersonal({ name, events, publish, snapshot, personal }: AnyAggregate): void {
  const trouble = (what: string): TypeError => new TypeError(`Cannot define aggregate "${name}": ${what}`)
  for (const [type, fields] of Object.entries(personal)) {
    if (!events.some((event) => event.name === type)) throw trouble(`"personal" names "${type}", which is none of its events`)
    if (publish.some((event) => event.name === type))
      throw trouble(
        `"${type}" has personal fields and is published; publish another event that has none, as what others were sent cannot be forgotten`,
      )
    if (fields === undefined || Object.keys(fields.fields).length === 0)
      throw trouble(`"personal" says no field of "${type}"; name one, or leave it out`)
  }
  if (snapshot !== undefined && Object.keys(personal).length > 0)
    throw trouble('it has personal fields and snapshots, which would go on having what is forgotten; leave "snapshot" out')
}
