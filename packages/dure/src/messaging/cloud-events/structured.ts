import type { Message } from '../../contract/contract.ts'
import { attributesOf, JSON_TYPE, type Attributes } from './attributes.ts'
import { UnreadableError } from './record.ts'

/**
 * A message as one text, the JSON format of CloudEvents (`application/cloudevents+json`): for places that have no headers.
 *
 * @example
 * ```ts
 * import { structuredText } from 'dure/messaging/adapter'
 *
 * const text = structuredText({
 *   ...{ id: '1', source: 'shop', type: 'order.placed', key: 'o1', time: 0, schemaVersion: 1, correlationId: 'c' },
 *   ...{ causationId: undefined, traceparent: undefined, data: '{"total":7}' },
 * })
 * console.log(JSON.parse(text).data.total) // → 7
 * ```
 */
export function structuredText(message: Message): string {
  const { attributes } = attributesOf(message, { key: false, isNativeHeader: () => false })
  const { datacontenttype: contentType = JSON_TYPE, ...others } = Object.fromEntries(attributes)
  const members = JSON.stringify({ ...others, datacontenttype: contentType }).slice(0, -1)
  return `${members},${dataMember(message.data, contentType)}}`
}

/** JSON goes as it stands: read and written again, a number may be another. */
function dataMember(data: string, contentType: string): string {
  if (!isJson(contentType)) return `"data":${JSON.stringify(data)}`
  try {
    JSON.parse(data)
    if (data.trim() === data) return `"data":${data}`
  } catch {
    // No JSON, though it says so: its bytes are carried.
  }
  return `"data_base64":"${Buffer.from(data).toString('base64')}"`
}

/** Takes such a text apart. @throws {UnreadableError} when it is none */
export function readStructured(text: string): {
  readonly attributes: Attributes
  readonly data: string | Uint8Array | undefined
} {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    throw new UnreadableError('its media type says that it is a CloudEvent in JSON, and it is no JSON')
  }
  if (typeof read !== 'object' || read === null || Array.isArray(read))
    throw new UnreadableError('its media type says that it is a CloudEvent in JSON, and it is no object')
  const attributes = new Map<string, string>()
  for (const [name, value] of Object.entries(read)) {
    if (name === 'data' || name === 'data_base64' || value === null) continue
    attributes.set(name, typeof value === 'object' ? JSON.stringify(value) : String(value))
  }
  const { data, data_base64: base64 } = read as { readonly data?: unknown; readonly data_base64?: unknown }
  if (typeof base64 === 'string') return { attributes, data: Buffer.from(base64, 'base64') }
  if (data === undefined) return { attributes, data: undefined }
  const { datacontenttype: contentType = JSON_TYPE } = Object.fromEntries(attributes)
  if (typeof data === 'string' && !isJson(contentType)) return { attributes, data }
  return { attributes, data: memberText(text, 'data') ?? JSON.stringify(data) }
}

export function isJson(contentType: string): boolean {
  return /^[\w.+-]+\/([\w.-]+\+)?json\b/i.test(contentType)
}

/** The text of a member of a JSON object, as it stands in the object's own (well-formed) text. */
function memberText(text: string, wanted: string): string | undefined {
  let depth = 0
  let start: number | undefined
  let found: string | undefined
  let name = ''
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '"') {
      const from = at
      for (at++; text[at] !== '"'; at++) if (text[at] === '\\') at++
      if (depth === 1 && start === undefined) name = JSON.parse(text.slice(from, at + 1)) as string
    } else if (character === '{' || character === '[') depth++
    else if (character === ':' && depth === 1 && start === undefined) start = at + 1
    else if ((character === ',' && depth === 1) || ((character === '}' || character === ']') && --depth === 0)) {
      if (start !== undefined && name === wanted) found = text.slice(start, at).trim()
      start = undefined
    }
  }
  return found
}
