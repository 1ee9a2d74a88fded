import { CreateError } from './errors.ts'

/** What npm calls itself, and what Node has already. */
const TAKEN = ['node_modules', 'favicon.ico', 'dure', 'create-dure', 'node', 'npm']

/** @throws {CreateError} when npm would not take the name for a package */
export function checkName(name: string): void {
  const because = wrongName(name)
  if (because === undefined) return
  throw new CreateError(
    `Cannot call a project ${JSON.stringify(name)}: ${because}. Say a folder whose name is small letters, digits and dashes, such as my-shop.`,
  )
}

function wrongName(name: string): string | undefined {
  if (name === '') return 'it has no name'
  if (name.length > 214) return 'npm takes no name of more than 214 characters'
  if (TAKEN.includes(name)) return 'the name is taken'
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(name))
    return 'npm takes small letters, digits, dots, dashes and underscores, and no dot first'
  return undefined
}
