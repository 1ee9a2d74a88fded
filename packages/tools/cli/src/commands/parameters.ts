import type { TypedFlagParameter, TypedPositionalParameter } from '@stricli/core'
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
