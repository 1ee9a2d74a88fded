import type { Command, RouteMap, TypedFlagParameter } from '@stricli/core'
import { table } from '@dure/simulation/text/internal'
import { realRuntime } from 'dure/runtime'
import { askOperator } from '../control/control.ts'
import { ageText, timeText, visible } from '../format.ts'
import { CliError, EXIT, layoutOf, print, readInput, say, type Shell } from '../shell.ts'
import {
  byFlag,
  common,
  defineCommand,
  defineRoutes,
  directoryOf,
  printResult,
  switchFlag,
  textFlag,
  whoIs,
  type Common,
} from './parameters.ts'

type User = { readonly subject: string; readonly name: string; readonly roles: readonly string[]; readonly disabled: boolean }
type Client = {
  readonly id: string
  readonly clientCredentials?: boolean
  readonly redirectUris?: readonly string[]
  readonly scopes?: readonly string[]
  readonly roles?: readonly string[]
  readonly confidential: boolean
  readonly disabled: boolean
  readonly configured: boolean
}
type Key = { readonly kid: string; readonly state: string; readonly signs: number }

type Deciding = Common & { readonly by?: string; readonly reason?: string }
const deciding = { ...common, by: byFlag, reason: textFlag('TEXT', 'Why, for the audit') }
const { clock } = realRuntime()
/** Users that are asked for at once. */
const PAGE = 1_000

const severalFlag = (placeholder: string, brief: string): TypedFlagParameter<readonly string[] | undefined, Shell> => ({
  ...{ kind: 'parsed', parse: String, optional: true, variadic: true, placeholder, brief },
})

async function ask<T>(shell: Shell, flags: Deciding, operation: string, input?: object): Promise<T> {
  try {
    const by = { by: whoIs(flags.by), reason: flags.reason }
    return await askOperator<T>(directoryOf(shell, flags), 'auth', operation, input, by)
  } catch (error) {
    if (error instanceof CliError && error.message.includes('there is no such contract here'))
      throw new CliError(
        'Cannot ask about users and clients: the system that runs here has no authorization server; list one among its doors (@dure/auth)',
      )
    throw error
  }
}

/** A command that does one thing to one user or client, and says so. */
function change(
  operation: string,
  field: 'name' | 'id',
  words: { readonly brief: string; readonly help: string; readonly example: string; readonly done: (name: string) => string },
): Command<Shell> {
  const { brief, help, example, done } = words
  return defineCommand({
    ...{ brief, help, examples: [example], flags: deciding },
    positional: { kind: 'tuple', parameters: [{ parse: String, placeholder: field.toUpperCase(), brief: 'Which' }] },
    async func(this: Shell, flags: Deciding, name: string): Promise<void> {
      await ask(this, flags, operation, { [field]: name })
      printResult(this, flags, { [field]: name }, () => done(visible(name)))
    },
  })
}

/** What is typed is not shown to others as an argument would be. */
async function passwordOf(shell: Shell): Promise<string> {
  const password = (await readInput(shell)).replace(/\r?\n$/, '')
  if (password !== '') return password
  throw new CliError('Cannot go on without a password: give it on standard input', { exitCode: EXIT.misuse })
}

const listUsers: Command<Shell> = defineCommand({
  brief: 'List users',
  help: `Lists who can log in, in order of their names, with their roles.`,
  examples: ['dure auth users', 'dure auth users --json'],
  flags: common,
  async func(this: Shell, flags: Common): Promise<void> {
    const users: User[] = []
    for (let length = PAGE; length === PAGE;) {
      const page: readonly User[] = await ask(this, flags, 'users', { limit: PAGE, after: users.at(-1)?.name })
      users.push(...page)
      length = page.length
    }
    printResult(this, flags, users, () => {
      if (users.length === 0) return 'There are no users; see "dure auth users add"'
      const rows = users.map((one) => [visible(one.name), one.roles.join(', '), one.disabled ? 'disabled' : '', one.subject])
      return table([['NAME', 'ROLES', 'STATE', 'SUBJECT'], ...rows], { columns: layoutOf(this).columns, shorten: [1] }).join('\n')
    })
  },
})

const addUser: Command<Shell> = defineCommand({
  brief: 'Add a user',
  help: `Adds a user, whose password it reads from standard input. A line end at the end is no part of it.`,
  examples: ['dure auth users add ana --role clerk < password'],
  flags: { ...deciding, role: severalFlag('NAME', 'A role that the user has') },
  positional: { kind: 'tuple', parameters: [{ parse: String, placeholder: 'NAME', brief: 'What they type to log in' }] },
  async func(
    this: Shell,
    { role = [], ...flags }: Deciding & { readonly role?: readonly string[] },
    name: string,
  ): Promise<void> {
    const user = await ask<User>(this, flags, 'addUser', { name, password: await passwordOf(this), roles: role })
    printResult(this, flags, user, () => `Added ${visible(user.name)}, whose subject is ${user.subject}`)
  },
})

const setPassword: Command<Shell> = defineCommand({
  brief: 'Give a user another password',
  help: `Takes the password that it reads from standard input, and ends all logins of the user.`,
  examples: ['dure auth users password ana < password'],
  flags: deciding,
  positional: { kind: 'tuple', parameters: [{ parse: String, placeholder: 'NAME', brief: 'Whose' }] },
  async func(this: Shell, flags: Deciding, name: string): Promise<void> {
    await ask(this, flags, 'setPassword', { name, password: await passwordOf(this) })
    printResult(this, flags, { name }, () => `${visible(name)} has another password`)
  },
})

const users: RouteMap<Shell> = defineRoutes({
  routes: {
    list: listUsers,
    add: addUser,
    password: setPassword,
    disable: change('disableUser', 'name', {
      brief: 'Let a user log in no more',
      help: 'Ends all logins of a user, at clients as well, and lets them begin none.',
      example: 'dure auth users disable ana --reason "has left"',
      done: (name) => `${name} can log in no more`,
    }),
    enable: change('enableUser', 'name', {
      brief: 'Let a user log in again',
      help: 'Lets a user who was disabled log in again.',
      example: 'dure auth users enable ana',
      done: (name) => `${name} can log in again`,
    }),
    logout: change('logOut', 'name', {
      brief: 'End all logins of a user',
      help: 'Ends all logins of a user, at clients as well; they can log in again.',
      example: 'dure auth users logout ana',
      done: (name) => `All logins of ${name} have ended`,
    }),
  },
  defaultCommand: 'list',
  brief: 'Look at users, add and disable them',
  help: `Who can log in at the authorization server of the system that runs on a data directory.`,
  examples: ['dure auth users', 'dure auth users add ana --role clerk < password'],
})

const listClients: Command<Shell> = defineCommand({
  brief: 'List clients',
  help: `Lists applications and programs that get tokens: those of the system file, and those that were added.`,
  examples: ['dure auth clients', 'dure auth clients --json'],
  flags: common,
  async func(this: Shell, flags: Common): Promise<void> {
    const clients = await ask<readonly Client[]>(this, flags, 'clients')
    printResult(this, flags, clients, () => {
      if (clients.length === 0) return 'There are no clients; see "dure auth clients add"'
      const rows = clients.map((one) => [
        ...[visible(one.id), kindOf(one), one.configured ? 'system file' : 'added', one.disabled ? 'disabled' : ''],
        (one.scopes ?? []).join(' '),
      ])
      const { columns } = layoutOf(this)
      return table([['ID', 'KIND', 'FROM', 'STATE', 'SCOPES'], ...rows], { columns, shorten: [4] }).join('\n')
    })
  },
})

function kindOf({ clientCredentials, redirectUris = [], confidential }: Client): string {
  const kinds = [redirectUris.length > 0 && 'people log in', clientCredentials === true && 'for itself']
  return [...kinds.filter((kind) => kind !== false), confidential ? 'with a secret' : 'public'].join(', ')
}

type Adding = Deciding & {
  readonly name?: string
  readonly redirect?: readonly string[]
  readonly afterLogout?: readonly string[]
  readonly scope?: readonly string[]
  readonly role?: readonly string[]
  readonly forItself?: boolean
  readonly public?: boolean
  readonly trusted?: boolean
}

const addClient: Command<Shell> = defineCommand({
  brief: 'Add a client',
  help: `
        Adds an application or program, and prints its secret on standard output. It is told this once, and kept encrypted. With --public
        there is none: for an application in a browser or on a phone.`,
  examples: [
    'dure auth clients add packer --for-itself --scope orders:read --role packer',
    'dure auth clients add phone --public --redirect shop.example:/callback --scope orders:read',
  ],
  flags: {
    ...deciding,
    name: textFlag('TEXT', 'What people read of it'),
    redirect: severalFlag('URL', 'Where people come back to after they have logged in, to the letter'),
    afterLogout: severalFlag('URL', 'The same after they have logged out'),
    scope: severalFlag('NAME', 'What it may ask for'),
    role: severalFlag('NAME', 'A role of the program itself'),
    forItself: switchFlag('It may get tokens for itself (client credentials)'),
    public: switchFlag('It can keep no secret'),
    trusted: switchFlag('It belongs to the system: people are not asked whether it may'),
  },
  positional: { kind: 'tuple', parameters: [{ parse: String, placeholder: 'ID', brief: 'What it is called in requests' }] },
  async func(this: Shell, flags: Adding, id: string): Promise<void> {
    const { name, redirect: redirectUris, afterLogout: postLogoutRedirectUris, scope: scopes, role: roles, trusted } = flags
    const asked = { id, name, redirectUris, postLogoutRedirectUris, scopes, roles, trusted, clientCredentials: flags.forItself }
    const made = await ask<{ readonly client: Client; readonly secret?: string }>(this, flags, 'addClient', {
      ...asked,
      confidential: flags.public !== true,
    })
    if (flags.json === true) return print(this, JSON.stringify(made, null, 2))
    say(this, `Added ${visible(id)} (${kindOf(made.client)})${made.secret === undefined ? '' : '; its secret, told this once:'}`)
    if (made.secret !== undefined) print(this, made.secret)
  },
})

const clients: RouteMap<Shell> = defineRoutes({
  routes: {
    list: listClients,
    add: addClient,
    disable: change('disableClient', 'id', {
      brief: 'Give a client no tokens any more',
      help: 'Gives a client no tokens any more, also one of the system file. Those that it has last five minutes at most.',
      example: 'dure auth clients disable packer --reason "its secret was lost"',
      done: (id) => `${id} gets no tokens any more`,
    }),
    enable: change('enableClient', 'id', {
      brief: 'Give a client tokens again',
      help: 'Gives a client that was disabled tokens again, with the secret that it had.',
      example: 'dure auth clients enable packer',
      done: (id) => `${id} gets tokens again`,
    }),
  },
  defaultCommand: 'list',
  brief: 'Look at clients, add and disable them',
  help: `Applications and programs that get tokens of the authorization server of the system that runs on a data directory.`,
  examples: ['dure auth clients', 'dure auth clients add packer --for-itself --scope orders:read'],
})

const keyText = ({ kid, state, signs }: Key, now: number): string =>
  `${kid} ${state === 'upcoming' ? `signs from ${timeText(signs)} on` : `is ${state}, since ${ageText(now - signs)}`}`

const listKeys: Command<Shell> = defineCommand({
  brief: 'List keys that tokens are signed with',
  help: `Lists the key that signs, the one that comes, and those whose tokens may not all have ended.`,
  examples: ['dure auth keys'],
  flags: common,
  async func(this: Shell, flags: Common): Promise<void> {
    const keys = await ask<readonly Key[]>(this, flags, 'keys')
    printResult(this, flags, keys, () => keys.map((key) => keyText(key, clock.now())).join('\n'))
  },
})

const rotateKeys: Command<Shell> = defineCommand({
  brief: 'Have another key sign tokens',
  help: `
        Shows a new key, which signs after a quarter of an hour, when everybody who verifies tokens knows it; good tokens are taken all the
        while. One that is on its way already stays the next one.`,
  examples: ['dure auth keys rotate --reason "as every month"'],
  flags: deciding,
  async func(this: Shell, flags: Deciding): Promise<void> {
    const key = await ask<Key>(this, flags, 'rotateKeys')
    printResult(this, flags, key, () => keyText(key, clock.now()))
  },
})

export const authCommands: RouteMap<Shell> = defineRoutes({
  routes: {
    users,
    clients,
    keys: defineRoutes({
      routes: { list: listKeys, rotate: rotateKeys },
      defaultCommand: 'list',
      brief: 'Look at signing keys, and have another one sign',
      help: `Keys that the authorization server of the system on a data directory signs tokens with.`,
      examples: ['dure auth keys', 'dure auth keys rotate'],
    }),
  },
  brief: 'Look at users, clients and signing keys, and change them',
  help: `
        The authorization server of the system that runs on a data directory (@dure/auth, among its doors). Each change is written to the
        audit log of the system, where it has one, with who did it and why.`,
  examples: ['dure auth users', 'dure auth clients', 'dure auth keys rotate'],
})
