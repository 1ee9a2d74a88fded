/** Who can log in. */
import { CallError } from 'dure/contract'
import type { SqlRow, SqlStore } from 'dure/data'
import type { Ids } from 'dure/runtime'
import type { Passwords } from './passwords.ts'
import { change } from './tables.ts'

export type User = {
  /** What tokens say of them, for ever: never given to another. */
  readonly subject: string
  /** What they type; in lower case. */
  readonly name: string
  readonly roles: readonly string[]
  readonly disabled: boolean
}

export type NewUser = { readonly name: string; readonly password: string; readonly roles?: readonly string[] }

/** What is done to users. What takes rights away ends all logins of the user, at clients as well. */
export type Users = {
  /** @throws {CallError} ALREADY_EXISTS, INVALID_ARGUMENT when the name or the password cannot be used */
  readonly add: (user: NewUser) => Promise<User>
  readonly find: (name: string) => Promise<User | undefined>
  /** In order of their names, from behind `after` on; at most `limit`, default 100. */
  readonly list: (page?: { readonly after?: string; readonly limit?: number }) => Promise<readonly User[]>
  /** @throws {CallError} NOT_FOUND */
  readonly changePassword: (name: string, password: string) => Promise<void>
  /** Tokens that are given out from now on say the new ones. @throws {CallError} NOT_FOUND */
  readonly changeRoles: (name: string, roles: readonly string[]) => Promise<void>
  /** @throws {CallError} NOT_FOUND */
  readonly disable: (name: string) => Promise<void>
  /** @throws {CallError} NOT_FOUND */
  readonly enable: (name: string) => Promise<void>
  /** Ends all their logins. @throws {CallError} NOT_FOUND */
  readonly logOut: (name: string) => Promise<void>
}

export type UserChange = 'added' | 'password changed' | 'roles changed' | 'disabled' | 'enabled' | 'logged out'

export type UserStore = {
  readonly users: Users
  readonly bySubject: (subject: string) => Promise<User | undefined>
  /** Who has this name and password; undefined for anybody else, after the same time. */
  readonly verify: (name: string, password: string) => Promise<User | 'disabled' | undefined>
}

const COLUMNS = 'subject, name, roles, disabled'
const LONGEST_NAME = 200
const LONGEST_PASSWORD = 1_024
const MOST_ROLES = 100

export function createUsers(options: {
  readonly store: SqlStore
  readonly passwords: Passwords
  readonly ids: Ids
  readonly shortest: number
  /** Told after each change, before whoever asked for it is. */
  readonly onChange: (what: UserChange, user: User) => Promise<void>
}): UserStore {
  const { store, passwords } = options
  const select = async (where: string, value: string): Promise<User | undefined> => {
    const [row] = await store.select(`SELECT ${COLUMNS} FROM users WHERE ${where} = ?`, [value])
    return row && userOf(row)
  }
  const hashed = (password: string): Promise<string> => {
    const { length } = [...password.normalize('NFKC')]
    if (length >= options.shortest && length <= LONGEST_PASSWORD) return passwords.hash(password)
    throw new CallError(
      'INVALID_ARGUMENT',
      `Cannot take the password: it has ${length} characters; give ${options.shortest} to ${LONGEST_PASSWORD}`,
    )
  }
  const set = async (what: UserChange, name: string, sql: string, values: readonly (string | number)[]): Promise<void> => {
    const own = nameOf(name)
    const changed = await change(store, `UPDATE users SET ${sql} WHERE name = ?`, [...values, own])
    const user = await select('name', own)
    if (changed === 0 || user === undefined) throw new CallError('NOT_FOUND', `There is no user "${own}"`)
    await options.onChange(what, user)
  }

  return {
    users: {
      add: async ({ name, password, roles = [] }) => {
        const user: User = { subject: options.ids.next(), name: nameOf(name), roles: rolesOf(roles), disabled: false }
        const values = [user.subject, user.name, await hashed(password), JSON.stringify(user.roles)]
        const sql = `INSERT INTO users (${COLUMNS.replace('name', 'name, password')}) VALUES (?, ?, ?, ?, 0) ON CONFLICT (name) DO NOTHING`
        if ((await change(store, sql, values)) === 0)
          throw new CallError('ALREADY_EXISTS', `Cannot add the user "${user.name}": there is one of this name`)
        await options.onChange('added', user)
        return user
      },
      find: (name) => select('name', nameOf(name)),
      list: async ({ after = '', limit = 100 } = {}) => {
        const most = Math.min(1_000, Math.max(1, Math.floor(limit)))
        const sql = `SELECT ${COLUMNS} FROM users WHERE name > ? ORDER BY name LIMIT ${most}`
        return (await store.select(sql, [after])).map(userOf)
      },
      changePassword: async (name, password) => set('password changed', name, 'password = ?', [await hashed(password)]),
      changeRoles: (name, roles) => set('roles changed', name, 'roles = ?', [JSON.stringify(rolesOf(roles))]),
      disable: (name) => set('disabled', name, 'disabled = ?', [1]),
      enable: (name) => set('enabled', name, 'disabled = ?', [0]),
      logOut: (name) => set('logged out', name, 'disabled = disabled', []),
    },
    bySubject: (subject) => select('subject', subject),
    verify: async (name, password) => {
      const known = wellNamed(name) ? plainName(name) : ''
      const [row] = await store.select(`SELECT ${COLUMNS}, password FROM users WHERE name = ?`, [known])
      const hash = row === undefined ? undefined : String(row['password'])
      const { right, outdated } = await passwords.verify(password.slice(0, LONGEST_PASSWORD), hash)
      if (!right || row === undefined) return undefined
      const user = userOf(row)
      if (user.disabled) return 'disabled'
      // The same password, hashed as is asked for now; unless it was changed meanwhile.
      if (outdated)
        await change(store, 'UPDATE users SET password = ? WHERE subject = ? AND password = ?', [
          ...[await passwords.hash(password), user.subject, hash!],
        ])
      return user
    },
  }
}

const userOf = (row: SqlRow): User => ({
  subject: String(row['subject']),
  name: String(row['name']),
  roles: JSON.parse(String(row['roles'])) as readonly string[],
  disabled: Number(row['disabled']) === 1,
})

/** How a name is compared: by what is seen of it. */
export const plainName = (name: string): string => name.normalize('NFKC').trim().toLowerCase()

const wellNamed = (name: string): boolean => /^[^\p{C}]{1,200}$/u.test(plainName(name))

function nameOf(name: string): string {
  if (wellNamed(name)) return plainName(name)
  throw new CallError('INVALID_ARGUMENT', `Cannot take the name of a user: give 1 to ${LONGEST_NAME} characters that can be seen`)
}

function rolesOf(roles: readonly string[]): readonly string[] {
  const fits = roles.length <= MOST_ROLES && roles.every((role) => /^[\x21-\x7e]{1,100}$/.test(role))
  if (fits) return [...new Set(roles)]
  throw new CallError(
    'INVALID_ARGUMENT',
    `Cannot take the roles of a user: give at most ${MOST_ROLES}, each of 1 to 100 letters, digits and signs without spaces`,
  )
}
