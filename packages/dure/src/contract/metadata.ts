/**
 * What goes along with a call beside its input, for all that follows from it to read: a tenant, an experiment, where it came
 * from. W3C calls it baggage (https://www.w3.org/TR/baggage/), and its rules for names and sizes hold here as well. It comes
 * from outside as it is: nothing in it is proved.
 */
export type Metadata = Readonly<Record<string, string>>

/** How much may go along: what W3C asks every carrier of baggage to carry. */
export const METADATA_LIMITS: Readonly<Record<'entries' | 'bytes', number>> = {
  entries: 64,
  /** UTF-8 bytes of names and values together, two more an entry. */
  bytes: 8_192,
}

export const NO_METADATA: Metadata = Object.freeze({})

/** A token of RFC 9110: what a header's name can be. */
const NAME = /^[!#$%&'*+.^_`|~\w-]+$/

/** Why a value is no metadata, in words that fit behind "it"; undefined when it is. */
export function wrongMetadata(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is no object of texts'
  const entries = Object.entries(value)
  if (entries.length > METADATA_LIMITS.entries)
    return `has ${entries.length} entries, and ${METADATA_LIMITS.entries} are allowed; send fewer`
  let bytes = 0
  for (const [name, text] of entries) {
    const wrong = wrongEntry(name, text)
    if (wrong !== undefined) return wrong
    bytes += sizeOf(name, text as string)
  }
  if (bytes > METADATA_LIMITS.bytes)
    return `has ${bytes} bytes, and ${METADATA_LIMITS.bytes} are allowed; send a reference to what is large`
  return undefined
}

function wrongEntry(name: string, text: unknown): string | undefined {
  if (!NAME.test(name) || name === '__proto__')
    return `has the name ${JSON.stringify(name)}; a name is made of letters, digits and any of !#$%&'*+-.^_\`|~`
  if (typeof text !== 'string') return `has the entry "${name}" of type ${text === null ? 'null' : typeof text}; give a text`
  if (text.includes('\0') || !text.isWellFormed())
    return `has the entry "${name}", which holds NUL or half a surrogate pair; leave that out`
  return undefined
}

const sizeOf = (name: string, text: string): number => name.length + Buffer.byteLength(text) + 2

/** The metadata in a `baggage` header: what cannot be read, or is more than may go along, is left out; the last of a name counts. */
export function metadataFromBaggage(header: string): Metadata {
  const metadata: Record<string, string> = {}
  let entries = 0
  let bytes = 0
  for (const member of header.split(',')) {
    // What follows a semicolon says something about the value, and has no place here.
    const [entry = ''] = member.split(';', 1)
    const equals = entry.indexOf('=')
    const name = entry.slice(0, Math.max(0, equals)).trim()
    const text = percentDecoded(entry.slice(equals + 1).trim())
    if (text === undefined || wrongEntry(name, text) !== undefined) continue
    bytes += sizeOf(name, text)
    if (!Object.hasOwn(metadata, name)) entries++
    if (entries > METADATA_LIMITS.entries || bytes > METADATA_LIMITS.bytes) break
    metadata[name] = text
  }
  return entries === 0 ? NO_METADATA : Object.freeze(metadata)
}

/** The same as a `baggage` header, which `metadataFromBaggage` reads. */
export function baggageOf(metadata: Metadata): string {
  return Object.entries(metadata)
    .map(([name, text]) => `${name}=${encodeURIComponent(text)}`)
    .join(',')
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
