import type { TypedFlagParameter, TypedPositionalParameter } from '@stricli/core'
import { userInfo } from 'node:os'
import type { Port } from '../run.ts'
import type { Shell } from '../shell.ts'

/** Parameters that several commands have. */
export const systemParameter: TypedPositionalParameter<string | undefined, Shell> = {
  parse: String,
  optional: true,
  placeholder: 'system.ts',
  brief: 'The system file',
}

export const dataFlag: TypedFlagParameter<string | undefined, Shell> = {
  kind: 'parsed',
  parse: String,
  optional: true,
  placeholder: 'DIR',
  brief: 'Where the system keeps its files (default .dure, or DURE_DATA)',
}

/** What every command that asks a running system has. */
export type Common = { readonly data?: string; readonly json?: boolean }
export const common: {
  readonly data: TypedFlagParameter<string | undefined, Shell>
  readonly json: TypedFlagParameter<boolean | undefined, Shell>
} = { data: dataFlag, json: { kind: 'boolean', optional: true, withNegated: false, brief: 'Print JSON' } }

export const byFlag: TypedFlagParameter<string | undefined, Shell> = {
  kind: 'parsed',
  parse: String,
  optional: true,
  placeholder: 'NAME',
  brief: 'Who does it, for the audit (default: the user of this computer)',
}

/** Who is at the keyboard. */
export function whoIs(by: string | undefined): string {
  if (by !== undefined) return by
  try {
    return userInfo().username
  } catch {
    // A user without a name, as in some containers.
    return ''
  }
}

export function parseReason(text: string): string {
  if (text.trim() !== '') return text
  throw new Error('An empty reason explains nothing: say why')
}

export const portFlag: TypedFlagParameter<readonly Port[] | undefined, Shell> = {
  kind: 'parsed',
  parse: parsePort,
  optional: true,
  variadic: true,
  placeholder: '[DOOR=]N',
  brief: 'Port of a door, instead of the one its system says',
}

export const splitFlag: TypedFlagParameter<boolean | undefined, Shell> = {
  kind: 'boolean',
  optional: true,
  withNegated: false,
  brief: 'Each service, or group of "placement", in its own process',
}

function parsePort(text: string): Port {
  const [, door, digits = ''] = /^(?:([\w-]+)=)?(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === '' || port > 65535) throw new Error(`"${text}" is not a port: give a number from 0 to 65535, or DOOR=N`)
  return { door, port }
}
