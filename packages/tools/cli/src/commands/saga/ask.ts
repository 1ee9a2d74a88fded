import type { TypedPositionalParameter } from '@stricli/core'
import type { AskOptions } from '@dure/operator'
import type { ShownInstance } from 'dure/saga/internal'
import { askOperator } from '../../control/control.ts'
import type { Shell } from '../../shell.ts'
import { directoryOf, saySilent, textFlag, type Common, type Flag, type Silent } from '../parameters.ts'

export type Which = Common & { readonly saga?: string }
export const sagaFlag: Flag<string> = textFlag('NAME', 'Of this saga')
export const idParameter: TypedPositionalParameter<string, Shell> = {
  parse: String,
  placeholder: 'ID',
  brief: 'Which instance',
}

/** An instance, and the service that has it. */
export type Placed = ShownInstance & { readonly service: string }

/** Asks the system about its sagas. Who does not answer is told of. */
export async function ask<T>(shell: Shell, flags: Common, operation: string, input: object, options?: AskOptions): Promise<T> {
  const answer = await askOperator<T & { readonly silent?: Silent }>(
    directoryOf(shell, flags),
    'sagas',
    operation,
    input,
    options,
  )
  saySilent(shell, answer.silent)
  return answer
}
