/** Bodies and contents of messages: what a pact expects, and what came, in one form. */

export type Content =
  /** Nothing is said of it. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'empty'; readonly type?: string | undefined }
  | { readonly kind: 'json'; readonly type: string; readonly value: unknown }
  | { readonly kind: 'xml' | 'text' | 'form'; readonly type: string; readonly text: string }
  | { readonly kind: 'bytes'; readonly type: string; readonly bytes: Uint8Array }

/** As a pact has a body: `{ contentType, encoded, content }`. @throws {SyntaxError} when its JSON is none */
export function contentOf(body: unknown, type: string | undefined): Content {
  if (body === undefined) return { kind: 'absent' }
  const { content, encoded, contentType } = (body ?? {}) as Readonly<Record<string, unknown>>
  const own = typeof contentType === 'string' ? contentType : type
  if (content === undefined || content === null || content === '')
    return content === null && own !== undefined && kindOf(own) === 'json' && contentType !== undefined
      ? { kind: 'json', type: own, value: null }
      : { kind: 'empty', type: own }
  if (typeof encoded === 'string' && encoded.toLowerCase() === 'base64')
    return received(Buffer.from(String(content), 'base64'), own ?? 'application/octet-stream')
  if (typeof encoded === 'string' && encoded.toLowerCase() === 'json')
    return { kind: 'json', type: own ?? JSON_TYPE, value: JSON.parse(String(content)) }
  if (typeof content !== 'string') return { kind: 'json', type: own ?? JSON_TYPE, value: content }
  const guessed = own ?? (/^\s*<\?xml/.test(content) ? 'application/xml' : 'text/plain')
  const kind = kindOf(guessed)
  if (kind === 'json') return { kind, type: guessed, value: content }
  return { kind: kind === 'bytes' ? 'text' : kind, type: guessed, text: content }
}

/** What came over the wire. JSON that is none comes as text. */
export function received(bytes: Uint8Array, type: string | undefined): Content {
  if (bytes.length === 0) return { kind: 'empty', type }
  const text = (): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  const kind = type === undefined ? 'bytes' : kindOf(type)
  if (kind === 'json') {
    try {
      return { kind, type: type!, value: JSON.parse(text()) as unknown }
    } catch {
      return { kind: 'text', type: 'text/plain', text: text() }
    }
  }
  return kind === 'bytes' ? { kind, type: type ?? 'application/octet-stream', bytes } : { kind, type: type!, text: text() }
}

export const JSON_TYPE = 'application/json'

/** Without parameters. */
export function mediaType(type: string): string {
  return (type.split(';')[0] ?? '').trim().toLowerCase()
}

function kindOf(type: string): 'json' | 'xml' | 'text' | 'form' | 'bytes' {
  const media = mediaType(type)
  if (media === JSON_TYPE || media.endsWith('+json')) return 'json'
  if (media === 'application/xml' || media === 'text/xml' || media.endsWith('+xml')) return 'xml'
  if (media === 'application/x-www-form-urlencoded') return 'form'
  return media.startsWith('text/') ? 'text' : 'bytes'
}

/** The first bytes, in Latin-1, of what can be told by them. */
const MAGIC: readonly (readonly [type: string, begins: string])[] = [
  ['image/png', '\u0089PNG\r\n\u001a\n'],
  ['image/jpeg', '\u00ff\u00d8\u00ff'],
  ['image/gif', 'GIF8'],
  ['application/pdf', '%PDF-'],
  ['application/zip', 'PK\u0003\u0004'],
  ['application/gzip', '\u001f\u008b'],
]

/** Whether bytes are of a media type, as far as their beginning tells; of one that it does not tell, what was said of them counts. */
export function isOfType(bytes: Uint8Array, type: string, said: string): boolean {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 64)).toString('latin1')
  const found = MAGIC.find(([, begins]) => head.startsWith(begins))?.[0]
  const wanted = mediaType(type)
  if (found !== undefined) return found === wanted
  if (MAGIC.some(([known]) => known === wanted)) return false
  return mediaType(said) === wanted || (wanted === 'application/octet-stream' && said !== '')
}
