import { realRuntime } from 'dure/runtime'
import { table } from '@dure/simulation/text/internal'
import type { Command } from '@stricli/core'
import type { SagaHistory } from 'dure/saga/internal'
import { ageText, agoText, durationText, timeText, visible } from '../../format.ts'
import { layoutOf, paint, print, type Layout, type Shell } from '../../shell.ts'
import { defineCommand, common, parsedFlag, printResult, textFlag, wholeNumber, type Common } from '../parameters.ts'
import { ask, idParameter, sagaFlag, type Placed, type Which } from './ask.ts'

type ListFlags = Common & {
  readonly saga?: string
  readonly state?: Placed['state']
  readonly after?: string
  readonly limit?: number
}

export const listCommand: Command<Shell> = defineCommand({
  brief: 'List instances, by their ids',
  help: `
        Lists the instances of sagas, of each service a page at a time: those that run or wait, have paused, are being undone, or ended in
        the last time.`,
  examples: ['dure saga list', 'dure saga list --state paused --saga checkout --json'],
  flags: {
    ...common,
    saga: sagaFlag,
    state: {
      kind: 'enum',
      values: ['running', 'compensating', 'paused', 'completed', 'compensated'],
      optional: true,
      brief: 'Only those',
    },
    after: textFlag('ID', 'Those after this one: the next page'),
    limit: parsedFlag(wholeNumber(1, 1_000), 'N', 'At most so many of each service (default 50)'),
  },
  async func(this: Shell, flags: ListFlags): Promise<void> {
    const { saga, state, after, limit = 50 } = flags
    const { instances: found } = await ask<{ readonly instances: readonly Placed[] }>(this, flags, 'list', {
      saga,
      state,
      after,
      limit,
    })
    printResult(this, flags, found, () => listText(found, layoutOf(this)))
  },
})

export const showCommand: Command<Shell> = defineCommand({
  brief: 'Show one: its steps with times, tries and errors, and what to do',
  help: `
        Shows what an instance has done, step by step, what it waits for or why it has paused, what people decided about it, and what can
        be done.`,
  examples: ['dure saga show order-17', 'dure saga show order-17 --saga checkout --json'],
  flags: { ...common, saga: sagaFlag },
  positional: { kind: 'tuple', parameters: [idParameter] },
  async func(this: Shell, flags: Which, id: string): Promise<void> {
    const history = await ask<SagaHistory>(this, flags, 'show', { id, saga: flags.saga })
    printResult(this, flags, history, () => historyText(history, layoutOf(this)))
  },
})

export const exportCommand: Command<Shell> = defineCommand({
  brief: 'Print the history of one as JSON, for "dure saga replay"',
  help: `
        Prints all that is kept of an instance: input, steps with their results, decisions. "dure saga replay" tries code on it.`,
  examples: ['dure saga export order-17 > order-17.json'],
  flags: { data: common.data, saga: sagaFlag },
  positional: { kind: 'tuple', parameters: [idParameter] },
  async func(this: Shell, flags: Omit<Which, 'json'>, id: string): Promise<void> {
    print(this, JSON.stringify(await ask(this, flags, 'show', { id, saga: flags.saga }), undefined, 2))
  },
})

function listText(found: readonly Placed[], layout: Layout): string {
  if (found.length === 0) return 'No saga is like that'
  const rows = found.map(({ id, saga, service, state, began, ended, due, reason, waits }) => [
    visible(id),
    visible(`${service}/${saga}`),
    stateText(state, layout),
    agoText(began),
    // What the reason says in full is on the page of the instance.
    visible(reason ?? (ended !== null ? `ended ${agoText(ended)}` : waitsText(waits, due))).slice(0, 100),
  ])
  const lines = table([['ID', 'SAGA', 'STATE', 'BEGAN', ''], ...rows], { columns: layout.columns, shorten: [4, 1], right: [] })
  return lines.map((line) => line.trimEnd()).join('\n')
}

function historyText(history: SagaHistory, layout: Layout): string {
  const { id, saga, version, state, began, due, reason, failure, steps, decisions, todo } = history
  const rows = steps.map(({ position, kind, name, state: of, tries, began: from, ended, error }) => [
    String(position + 1),
    visible(name),
    kind,
    of,
    String(tries),
    timeText(from),
    ended === null || ended <= from ? '' : durationText(ended - from),
    of === 'refused' ? visible(codeOf(error)) : visible(error ?? ''),
  ])
  const head = ['', 'STEP', 'KIND', 'STATE', 'TRIES', 'BEGAN', 'TOOK', 'ERROR']
  const lines = table([head, ...rows], { columns: layout.columns, shorten: [7, 1], right: [0, 4, 6] })
  const failed = failure as { readonly code?: string; readonly message?: string } | null
  return [
    `${paint(layout, 'bold', visible(id))} of ${visible(saga)} (version ${version}): ${stateText(state, layout)}, began ${agoText(began)}`,
    ...(state === 'running' && due !== null ? [`It goes on ${dueText(due)}`] : []),
    ...(reason === null ? [] : [`Reason: ${visible(reason)}`]),
    ...(failed === null ? [] : [`Undone for: ${visible(`${failed.code}: ${failed.message}`)}`]),
    '',
    ...lines.map((line) => line.trimEnd()),
    ...decisions.map(({ at, action, by, why }) => `${timeText(at)}  ${action} by ${visible(by)}: ${visible(why)}`),
    '',
    `To do: ${visible(todo)}`,
  ].join('\n')
}

function codeOf(error: string | null): string {
  return (JSON.parse(error ?? '{}') as { readonly code?: string }).code ?? ''
}

function waitsText(waits: Placed['waits'], due: number | null): string {
  const what = waits === null || waits.kind === 'sleep' ? '' : `waits for ${waits.name}`
  return [what, dueText(due)].filter((part) => part !== '').join(', ')
}

function dueText(due: number | null): string {
  if (due === null) return ''
  const left = due - realRuntime().clock.now()
  return left <= 0 ? 'now' : `in ${ageText(left)}`
}

function stateText(state: string, layout: Layout): string {
  return state === 'paused' ? paint(layout, 'red', state) : state
}
