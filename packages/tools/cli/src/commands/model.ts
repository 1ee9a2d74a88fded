import type { Command, RouteMap } from '@stricli/core'
import { realRuntime } from 'dure/runtime'
import { table } from '@dure/simulation/text/internal'
import { askOperator } from '../control/control.ts'
import { ageText, visible } from '../format.ts'
import { layoutOf, paint, print, type Layout, type Shell } from '../shell.ts'
import {
  byFlag,
  common,
  defineCommand,
  defineRoutes,
  directoryOf,
  printResult,
  saySilent,
  textFlag,
  whoIs,
  type Common,
  type Silent,
} from './parameters.ts'

/** One building of a version of a read model, as its service tells of it. */
type Build = {
  readonly service: string
  readonly name: string
  readonly build: number
  readonly version: number
  readonly state: 'serving' | 'previous' | 'building' | 'ready' | 'retired'
  readonly phase?: 'starting' | 'history' | 'live'
  readonly events?: number
  readonly behind?: number
  readonly waiting?: number
  readonly deadLetters?: number
  readonly newest?: number
}
type Flags = Common & { readonly service?: string; readonly by?: string }

const flags = {
  ...{ ...common, by: byFlag },
  service: textFlag('NAME', 'The service that shows it, where several have one of that name'),
} as const
const named = {
  kind: 'tuple',
  parameters: [{ parse: String, placeholder: 'NAME', brief: 'The read model' }],
} as const

async function ask<T>(shell: Shell, given: Flags, operation: string, name?: string): Promise<T> {
  const input = { name, service: given.service }
  const who = { by: whoIs(given.by) }
  const answer = await askOperator<T & { readonly silent: Silent }>(directoryOf(shell, given), 'models', operation, input, who)
  saySilent(shell, answer.silent)
  return answer
}

/** A command that shows the builds, after it has changed which there are, or which one is served. */
function builds(
  method: string,
  words: { readonly brief: string; readonly help: string; readonly examples?: readonly string[] },
): Command<Shell> {
  const positional = method === 'list' ? undefined : named
  return defineCommand<Flags, readonly string[]>({
    ...{ examples: [`dure model ${method} seller-dashboard`], ...words, flags },
    ...((positional && { positional }) as object),
    async func(this: Shell, given: Flags, name?: string): Promise<void> {
      const { builds: rows } = await ask<{ readonly builds: readonly Build[] }>(this, given, method, name)
      printResult(this, given, rows, () => buildsText(rows, layoutOf(this), realRuntime().clock.now()))
    },
  })
}

const retryCommand: Command<Shell> = defineCommand({
  brief: 'Try again what its builds could not take',
  help: 'Gives the dead letters of all builds of a read model a fresh set of tries. The messages behind them follow.',
  examples: ['dure model retry seller-dashboard'],
  flags,
  positional: named,
  async func(this: Shell, given: Flags, name: string): Promise<void> {
    const { count: retried } = await ask<{ readonly count: number }>(this, given, 'retry', name)
    if (given.json === true) printResult(this, given, { retried }, () => '')
    else print(this, `Retried ${retried}`)
  },
})

export const modelCommands: RouteMap<Shell> = defineRoutes({
  routes: {
    list: builds('list', {
      brief: 'Show every build of every read model',
      help: `
        Shows the builds of the read models of a running system: which one is served, which was before, and how far those to come are. EVENTS
        are those taken so far, BEHIND the messages that wait for it, DEAD those that failed for good (its version is not served
        while there are any), NEWEST the age of the newest event it has.`,
      examples: ['dure model list', 'watch dure model list'],
    }),
    rebuild: builds('rebuild', {
      brief: 'Build it once more, beside what is served',
      help: `
        Begins to build the newest version of a read model from nothing, in a store of its own. What is served stays so until
        the new build has caught up. Refused where its events cannot be had from the beginning.`,
    }),
    switch: builds('switch', {
      brief: 'Serve the build that has caught up',
      help: `
        Has the newest build that is ready take the place of the one that is served. A version that is built for the first
        time does so by itself; after "back" it takes this.`,
    }),
    back: builds('back', {
      brief: 'Serve the build that was served before',
      help: 'Has the build that was served before take its place again. It has been filled all the time, so nothing is missing.',
    }),
    retry: retryCommand,
  },
  defaultCommand: 'list',
  brief: 'Look at read models, build them anew, switch and go back',
  help: `
        Read models of the system that runs on a data directory ("dure model" is "dure model list"): each version is built in a store of its
        own beside the one that is served.`,
  examples: ['dure model', 'dure model rebuild seller-dashboard', 'dure model back seller-dashboard'],
})

const STYLES = { serving: 'green', previous: 'dim', building: 'yellow', ready: 'green', retired: 'dim' } as const

function buildsText(builds: readonly Build[], layout: Layout, now: number): string {
  if (builds.length === 0) return 'No service has a read model'
  const number = (value: number | undefined): string => (value === undefined ? '-' : String(value))
  const rows = builds.map(({ service, name, build, version, state, phase, events, behind, deadLetters, newest }) => [
    ...[visible(service), visible(name), String(build), String(version)],
    paint(layout, STYLES[state], phase === 'history' ? `${state} (history)` : state),
    ...[number(events), number(behind), number(deadLetters), newest === undefined ? '-' : ageText(now - newest)],
  ])
  const head = ['SERVICE', 'MODEL', 'BUILD', 'VERSION', 'STATE', 'EVENTS', 'BEHIND', 'DEAD', 'NEWEST']
  const [first = '', ...rest] = table([head, ...rows], { columns: layout.columns, shorten: [0, 1], right: [2, 3, 5, 6, 7, 8] })
  return [paint(layout, 'dim', first), ...rest].join('\n')
}
