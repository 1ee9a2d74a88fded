import type { AnyEvent, AnySchema, Message, Side } from 'dure/contract'
import { shown, typeOf, type Type } from 'dure/contract/internal'
import type { StoryMessage } from 'dure/story'

/** The message as it was, with something in the place of what was hidden. */
export function messageOf(message: StoryMessage, event: AnyEvent | undefined): Message {
  const { id, type, source, key, time, correlationId, causationId, schemaVersion, headers, sequence, initiator, data, at } =
    message
  return {
    ...{ id, type, source, key, time, correlationId, causationId, schemaVersion, traceparent: undefined },
    data: JSON.stringify(filled(data, event?.schema as AnySchema | undefined, 'input')),
    ...(headers !== undefined && { headers }),
    ...(sequence !== undefined && { sequence }),
    ...(initiator !== undefined && { initiator }),
    ...(at?.on === 'topic' && at.topic !== type && { topic: at.topic }),
    ...(event !== undefined && event.topic !== type && { topic: event.topic }),
  }
}

/** Stands for what is not known. */
export const HIDDEN = '[secret]'
const ALL_HIDDEN: ReadonlySet<unknown> = new Set([HIDDEN, '[personal]'])

/** A JSON form in which what was hidden is something that its schema takes, always the same. */
export function filled(json: unknown, schema: AnySchema | undefined, side: Side): unknown {
  if (schema === undefined || !isHiding(json)) return json
  return fill(json, [typeOf(shown(schema, side))])
}

function isHiding(json: unknown): boolean {
  if (typeof json !== 'object' || json === null) return ALL_HIDDEN.has(json)
  return Object.values(json).some(isHiding)
}

function fill(json: unknown, types: readonly Type[]): unknown {
  const variants = types.flatMap((one) => one.variants)
  if (ALL_HIDDEN.has(json)) return valueOf(variants)
  if (typeof json !== 'object' || json === null) return json
  if (Array.isArray(json))
    return json.map((one, at) =>
      fill(
        one,
        variants.flatMap((each) => {
          if (each.kind !== 'array' && each.kind !== 'set') return []
          return each.prefix[at] ?? each.items ?? []
        }),
      ),
    )
  const below = (name: string): readonly Type[] =>
    variants.flatMap((each) => (each.kind === 'object' ? (each.fields.get(name) ?? each.rest ?? []) : []))
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name, fill(value, below(name))]))
}

const FORMATS: Readonly<Record<string, string>> = {
  email: 'hidden@example.com',
  uuid: '00000000-0000-4000-8000-000000000000',
  uri: 'https://example.com/hidden',
  'date-time': '2000-01-01T00:00:00.000Z',
  date: '2000-01-01',
  time: '00:00:00',
  ipv4: '192.0.2.1',
}

type Bounds = {
  readonly format?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly pattern?: string
  readonly minimum?: number
}

function valueOf(variants: Type['variants']): unknown {
  const [first] = variants.filter(({ kind }) => kind !== 'null' && kind !== 'undefined')
  if (first?.literal !== undefined) return first.literal
  const { format = '', minLength = 1, maxLength = Infinity, pattern, minimum = 1 } = (first?.schema ?? {}) as Bounds
  switch (first?.kind) {
    case 'number':
    case 'integer':
      return minimum
    case 'boolean':
      return false
    case 'date':
      return FORMATS['date-time']
    case 'bigint':
      return '1'
    case 'bytes':
      return ''
    case 'array':
    case 'set':
    case 'map':
      return []
    case 'object':
      return Object.fromEntries(
        [...first.fields].filter(([name]) => first.required.has(name)).map(([name, type]) => [name, valueOf(type.variants)]),
      )
    default: {
      if (FORMATS[format] !== undefined) return FORMATS[format]
      const usual = Math.min(maxLength, Math.max(minLength, 6))
      return pattern === undefined ? 'x'.repeat(usual) : (matching(pattern, { minLength, maxLength }) ?? '0'.repeat(usual))
    }
  }
}

/** A text of one sign that a pattern takes: digits of some number, letters. */
function matching(
  pattern: string,
  { minLength, maxLength }: Required<Pick<Bounds, 'minLength' | 'maxLength'>>,
): string | undefined {
  const wanted = new RegExp(pattern, 'u')
  for (let length = minLength; length <= Math.min(maxLength, 64); length++)
    for (const sign of ['0', '1', 'x', 'X']) if (wanted.test(sign.repeat(length))) return sign.repeat(length)
  return undefined
}
