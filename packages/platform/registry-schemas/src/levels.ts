/** Compatibility between versions of a schema, for each of Confluent's levels. */
import { avro } from './avro.ts'
import { faults } from './fault.ts'
import { json } from './json.ts'
import type { SchemaKind } from './kind.ts'

const LEVELS = ['NONE', 'BACKWARD', 'BACKWARD_TRANSITIVE', 'FORWARD', 'FORWARD_TRANSITIVE', 'FULL', 'FULL_TRANSITIVE'] as const
/**
 * `BACKWARD`: what the last version wrote, the new one reads. `FORWARD`: what the new one writes, the last one reads. `FULL`: both.
 * `…_TRANSITIVE`: so with every version, not only the last.
 */
export type Level = (typeof LEVELS)[number]

export type SchemaType = 'JSON' | 'AVRO'
export type SchemaText = { readonly type: SchemaType; readonly text: string }

const KINDS: Readonly<Record<SchemaType, SchemaKind>> = { JSON: json, AVRO: avro }
export const SCHEMA_TYPES: readonly SchemaType[] = ['JSON', 'AVRO']

/** @throws {SchemaFault} 42201 */
export function kindOf(type: unknown): SchemaType {
  if (type === 'JSON' || type === 'AVRO') return type
  throw faults.invalidSchema(`schemaType ${JSON.stringify(type)} is not served; use ${SCHEMA_TYPES.join(' or ')}`)
}

/** @throws {SchemaFault} 42203 */
export function levelOf(value: unknown): Level {
  const level = LEVELS.find((each) => each === String(value).toUpperCase())
  if (level === undefined) throw faults.invalidLevel()
  return level
}

/** The schema as it is told apart from others. @throws {SchemaFault} 42201 when it is none */
export const identityOf = ({ type, text }: SchemaText): string => KINDS[type].identity(text)

/** Why `next` may not come after `earlier` (the oldest first) under a level; empty: it may. */
export function incompatibilities(
  level: Level,
  next: SchemaText,
  earlier: readonly (SchemaText & { readonly version: number })[],
): readonly string[] {
  if (level === 'NONE') return []
  const [way, transitive] = level.split('_')
  const [backward, forward] = [way !== 'FORWARD', way !== 'BACKWARD']
  return (transitive === undefined ? earlier.slice(-1) : earlier).flatMap((old) => {
    if (old.type !== next.type) return [`version ${old.version} is ${old.type} and this is ${next.type}`]
    const { misreadings } = KINDS[next.type]
    return [
      ...(backward ? misreadings(old.text, next.text).map((why) => `does not read version ${old.version}: ${why}`) : []),
      ...(forward ? misreadings(next.text, old.text).map((why) => `is not read by version ${old.version}: ${why}`) : []),
    ]
  })
}
