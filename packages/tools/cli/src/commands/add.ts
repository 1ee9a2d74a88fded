import type { Command, RouteMap } from '@stricli/core'
import { add, type Wanted } from '../add/add.ts'
import { paint, print, type Shell } from '../shell.ts'
import { defineCommand, defineRoutes, switchFlag, textFlag } from './parameters.ts'

type Lang = { readonly lang?: 'en' | 'ko' }
type Within = Lang & { readonly service?: string }
type Operation = Within & { readonly query?: boolean }

const flags = {
  service: textFlag('NAME', 'The service it is added to; not needed where there is one only'),
  lang: {
    kind: 'enum',
    values: ['en', 'ko'],
    optional: true,
    brief: 'Language of comments (default: that of the project)',
  },
} as const

async function run(shell: Shell, kind: Wanted['kind'], name: string, { service, query, lang }: Operation): Promise<void> {
  const { what, made, changed, next } = await add(
    { kind, name, service, lang, as: query === true ? 'query' : 'command' },
    shell.cwd,
  )
  print(
    shell,
    [
      `Added ${what}`,
      '',
      ...made.map((path) => `  ${paint(shell, 'green', 'new')}      ${path}`),
      ...changed.map((path) => `  ${paint(shell, 'yellow', 'changed')}  ${path}`),
      '',
      `Next: ${next}`,
    ].join('\n'),
  )
}

const positional = {
  kind: 'tuple',
  parameters: [{ parse: String, placeholder: 'NAME', brief: 'What it is called' }],
} as const

const serviceCommand: Command<Shell> = defineCommand({
  brief: 'Add a service with a contract, a rule, a table and tests',
  help: `
        Writes a service into a folder of its own beside the others (contract, domain, store, service, tests) and puts it into
        the system file.`,
  examples: ['dure add service reviews', 'dure add service stock-items --lang ko'],
  flags: { lang: flags.lang },
  positional,
  func(this: Shell, given: Lang, name: string): Promise<void> {
    return run(this, 'service', name, given)
  },
})

const operationCommand: Command<Shell> = defineCommand({
  brief: 'Add a command or a query to a service',
  help: `
        Adds an operation to a service's contract and handlers, with a test. It answers with what it is given, until somebody says
        what it does.`,
  examples: ['dure add operation rename', 'dure add operation find --query --service reviews'],
  flags: { ...flags, query: switchFlag('A query, which changes nothing (default: a command)') },
  positional,
  func(this: Shell, given: Operation, name: string): Promise<void> {
    return run(this, 'operation', name, given)
  },
})

const eventCommand: Command<Shell> = defineCommand({
  brief: 'Add an event to what a service announces',
  help: `
        Adds an event to a service's contract. It is announced by whichever handler publishes it.`,
  examples: ['dure add event review.written --service reviews'],
  flags,
  positional,
  func(this: Shell, given: Within, name: string): Promise<void> {
    return run(this, 'event', name, given)
  },
})

const reactionCommand: Command<Shell> = defineCommand({
  brief: 'Have a service react to an event',
  help: `
        Adds a reaction to an event of this project to a service, with a table that it keeps (by a migration of the next number)
        and a test that brings the event twice.`,
  examples: ['dure add reaction review.written --service notes'],
  flags,
  positional,
  func(this: Shell, given: Within, name: string): Promise<void> {
    return run(this, 'reaction', name, given)
  },
})

export const addCommands: RouteMap<Shell> = defineRoutes({
  routes: { service: serviceCommand, operation: operationCommand, event: eventCommand, reaction: reactionCommand },
  brief: 'Add a service, an operation, an event or a reaction to a project',
  help: `
        Writes new files and adds to those that are there, in a project that "npm create dure" made or that has its shape: a system
        file that package.json names, and contracts, services and databases that are written out below its folder. All is written,
        or nothing: where a place cannot be found it says what to put where. What was written is noted in dure.created.json.`,
  examples: ['dure add service reviews', 'dure add reaction note.taken --service reviews'],
})
