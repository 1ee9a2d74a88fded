/** What contracts are in Thrift: its structs, enumerations and services. */
import type { AnyContract } from 'dure/contract'
import type { OperationTypes, Scalar } from 'dure/contract/internal'

/** A use of a type, and what its values are in the contract. */
export type ThriftType =
  | { readonly kind: 'scalar'; readonly of: Scalar | 'json' }
  /** `entries`: the pairs of a map or a record, where Thrift's own maps take no such keys. */
  | { readonly kind: 'list'; readonly items: ThriftType; readonly of: 'list' | 'set' | 'entries' }
  | { readonly kind: 'set'; readonly items: ThriftType }
  | { readonly kind: 'map'; readonly key: ThriftType; readonly value: ThriftType; readonly of: 'map' | 'record' }
  | { readonly kind: 'enum' | 'struct'; readonly name: string }

export type ThriftField = {
  readonly number: number
  readonly name: string
  /** In the contract: a field's name, or a place of a tuple. */
  readonly key: string | number
  readonly type: ThriftType
  readonly required: boolean
  /** What it is in the contract when it is not there. */
  readonly absent: null | undefined
  readonly description?: string | undefined
}

export type Struct = {
  readonly kind: 'struct' | 'union' | 'exception'
  readonly name: string
  readonly description?: string | undefined
  /** What its values are in the contract. `wrapper`: its one field's value. */
  readonly of: 'object' | 'tuple' | 'union' | 'wrapper'
  readonly fields: readonly ThriftField[]
  /** Of a union: the field of a value, by its key; undefined when it is of none. */
  readonly keyOf?: (value: unknown) => string | undefined
}

export type Enum = {
  readonly name: string
  readonly description?: string | undefined
  readonly values: readonly { readonly number: number; readonly name: string; readonly value: string }[]
}

export type Method = {
  readonly types: OperationTypes
  readonly name: string
  /** Undefined: it takes nothing. */
  readonly input: ThriftField | undefined
  /** Undefined: it answers nothing. */
  readonly output: ThriftType | undefined
  readonly errors: readonly { readonly code: string; readonly field: ThriftField }[]
}

export type ThriftService = { readonly name: string; readonly contract: AnyContract; readonly methods: readonly Method[] }

export type Model = {
  readonly services: readonly ThriftService[]
  readonly structs: ReadonlyMap<string, Struct>
  readonly enums: ReadonlyMap<string, Enum>
}
