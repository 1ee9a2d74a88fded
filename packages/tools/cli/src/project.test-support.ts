import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { linkLibrary, temporary } from './shell.test-support.ts'

/** A project with a system of one service, whose text is in a file of its own, outside the folder of the system. */
export function project({ door = false }: { readonly door?: boolean } = {}): {
  readonly root: string
  readonly file: string
  readonly shared: string
} {
  const root = temporary()
  linkLibrary(root)
  for (const folder of ['src', 'shared']) mkdirSync(join(root, folder))
  const [file, shared] = [join(root, 'src/system.ts'), join(root, 'shared/text.ts')]
  writeFileSync(
    join(root, 'package.json'),
    '{ "type": "module", "dure": { "system": "src/system.ts" }, "scripts": { "dev": "dure dev" } }',
  )
  writeFileSync(shared, "export const text = 'one'")
  writeFileSync(
    file,
    door
      ? `import { rest } from '@dure/rest'${SYSTEM.replace('query({ output: z.string() })', "query({ output: z.string(), http: 'GET /note' })").replace("security: 'off'", "doors: [rest()], security: 'off'")}`
      : SYSTEM,
  )
  return { root, file, shared }
}

export const SYSTEM: string = `
import { contract, query } from 'dure/contract'
import { database } from 'dure/data'
import { service, system } from 'dure/service'
import { text } from '../shared/text.ts'
import { z } from 'zod'

const Notes = contract('notes', { version: '1.0.0', owner: 'team-notes', operations: { read: query({ output: z.string() }) } })
const notes = service(Notes, {
  database: database<{ notes: { id: string } }>({ migrations: { '001': 'CREATE TABLE notes (id TEXT PRIMARY KEY)' } }),
  handlers: { read: () => text },
})
export default system('noted', { services: [notes], security: 'off' })
`
