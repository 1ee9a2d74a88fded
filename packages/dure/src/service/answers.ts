import { DeclaredError, type AnyOperation, type Status } from '../contract/contract.ts'
import { wireOf } from '../contract/internal.ts'

/** The answer of a command as it is kept: its output, or a declared error, in JSON. */
export type Body = { readonly outcome: 'answered' | 'refused'; readonly body: string }

export type StoredError = { readonly code: string; readonly message: string; readonly status: Status; readonly data: unknown }

/** What may be answered: of an operation, or of a request. */
export type Answerable = Pick<AnyOperation, 'output' | 'errors'>

export function bodyOf(definition: Answerable, value: unknown): Body {
  if (!(value instanceof DeclaredError))
    return { outcome: 'answered', body: JSON.stringify(wireOf(definition.output, 'output').toJson(value)) ?? 'null' }
  return { outcome: 'refused', body: JSON.stringify(errorJson(definition, value)) }
}

export function errorJson(definition: Answerable, { code, message, status, data }: DeclaredError): StoredError {
  return { code, message, status, data: wireOf(errorSchema(definition, code), 'output').toJson(data) }
}

export function errorFrom(definition: Answerable, stored: StoredError): DeclaredError {
  return new DeclaredError({ ...stored, data: wireOf(errorSchema(definition, stored.code), 'output').fromJson(stored.data) })
}

function errorSchema(definition: Answerable, code: string) {
  return Object.values(definition.errors as Record<string, { code: string; data: AnyOperation['input'] }>).find(
    (type) => type.code === code,
  )?.data
}
