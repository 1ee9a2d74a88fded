import { DeclaredError, type AnyOperation, type Status } from '../contract/contract.ts'
import { wireOf } from '../contract/internal.ts'

/** The answer of a command as it is kept: its output, or a declared error, in JSON. */
export type Body = { readonly outcome: 'answered' | 'refused'; readonly body: string }

type StoredError = { readonly code: string; readonly message: string; readonly status: Status; readonly data: unknown }

export function bodyOf(definition: AnyOperation, value: unknown): Body {
  if (!(value instanceof DeclaredError))
    return { outcome: 'answered', body: JSON.stringify(wireOf(definition.output, 'output').toJson(value)) ?? 'null' }
  const { code, message, status } = value
  const stored: StoredError = { code, message, status, data: wireOf(errorSchema(definition, code), 'output').toJson(value.data) }
  return { outcome: 'refused', body: JSON.stringify(stored) }
}

export function errorFrom(definition: AnyOperation, stored: StoredError): DeclaredError {
  return new DeclaredError({ ...stored, data: wireOf(errorSchema(definition, stored.code), 'output').fromJson(stored.data) })
}

function errorSchema(definition: AnyOperation, code: string) {
  return Object.values(definition.errors as Record<string, { code: string; data: AnyOperation['input'] }>).find(
    (type) => type.code === code,
  )?.data
}
