import type { SagaHistory, ShownInstance } from 'dure/saga/internal'
import type { TypedPositionalParameter } from '@stricli/core'
import { askExtensions } from '../../control/control.ts'
import { CliError, paint, say, type Shell } from '../../shell.ts'
import { directoryOf, textFlag, type Common, type Flag } from '../parameters.ts'

export type Which = Common & { readonly saga?: string }
export const sagaFlag: Flag<string> = textFlag('NAME', 'Of this saga')
export const idParameter: TypedPositionalParameter<string, Shell> = {
  parse: String,
  placeholder: 'ID',
  brief: 'Which instance',
}

/** An instance, and the service that has it. */
export type Placed = ShownInstance & { readonly service: string }

/** Instances of all services. Who does not answer is told of. */
export async function listInstances(shell: Shell, flags: Common, filter: object): Promise<readonly Placed[]> {
  const request = { kind: 'saga', method: 'list', input: filter }
  const { values, silent } = await askExtensions<readonly ShownInstance[]>(directoryOf(shell, flags), request)
  for (const { service, why } of silent)
    say(shell, `${paint(shell, 'yellow', `Service "${service}" did not answer; this is without it.`)}\n  ${why}`)
  return values.flatMap(({ service, value }) => value.map((one) => ({ ...one, service })))
}

/** Asks the service that has the instance. @throws {CliError} when none has it, or several do */
export async function askAbout<T = SagaHistory>(
  shell: Shell,
  flags: Which,
  { id, method, ...more }: { readonly id: string; readonly method: string },
): Promise<T> {
  const found = await listInstances(shell, flags, { id, saga: flags.saga })
  const [only, ...others] = found
  if (only === undefined) throw new CliError(`Cannot find saga instance "${id}"; see "dure saga list"`)
  if (others.length > 0) {
    const named = found.map(({ saga, service }) => `"${saga}" of service "${service}"`).join(', ')
    throw new CliError(`Cannot tell which saga instance "${id}" is meant: ${named} have one; say which with --saga`)
  }
  const input = { id, saga: only.saga, ...more }
  const request = { kind: 'saga', method, service: only.service, input }
  const { values, silent } = await askExtensions<T>(directoryOf(shell, flags), request)
  if (values[0] === undefined) throw new CliError(`Service "${only.service}" did not answer: ${silent[0]?.why ?? ''}`)
  return values[0].value
}
