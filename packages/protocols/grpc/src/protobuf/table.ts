/** Messages that are no contract's: those of gRPC and Google, written down as tables. */
import type { ProtoField, ProtoMessage, ProtoScalar, ProtoType } from './messages.ts'

type Kind = ProtoScalar | (string & {})
/** By message and field: its number, its type (a scalar or another message), and whether there are many, or zero is more than none. */
export type MessageTable = Readonly<
  Record<string, Readonly<Record<string, readonly [number: number, type: Kind, many?: 'list' | 'record' | 'optional']>>>
>

const SCALARS: ReadonlySet<string> = new Set<ProtoScalar>(['string', 'bool', 'int32', 'int64', 'double', 'bytes'])

export function messagesIn<Table extends MessageTable>(table: Table): Readonly<Record<keyof Table, ProtoMessage>> {
  const filled = new Map<string, { readonly message: ProtoMessage; readonly fields: ProtoField[] }>()
  for (const name of Object.keys(table)) {
    const fields: ProtoField[] = []
    filled.set(name, { fields, message: { name, form: 'object', description: undefined, fields, type: undefined } })
  }
  for (const [name, fields] of Object.entries(table))
    for (const [key, [number, kind, many]] of Object.entries(fields)) {
      const type: ProtoType = SCALARS.has(kind)
        ? { kind: 'scalar', scalar: kind as ProtoScalar, bigint: false }
        : { kind: 'message', message: filled.get(kind)!.message }
      filled.get(name)!.fields.push({
        ...{ key, name: key, number, type, description: undefined },
        holds: many === undefined || many === 'optional' ? 'one' : many,
        absent: many === 'optional' ? 'undefined' : 'default',
        ...(many === 'record' ? { mapKey: { kind: 'scalar', scalar: 'string', bigint: false } } : {}),
      })
    }
  return Object.fromEntries(Array.from(filled, ([name, { message }]) => [name, message])) as never
}
