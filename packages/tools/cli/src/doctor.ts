import { globSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join, relative, resolve } from 'node:path'
import { describeThrown } from 'dure/contract/internal'
import type { Migrations } from 'dure/data'
import { sqliteHistory } from 'dure/data/internal'
import type { System } from 'dure/service'
import { askListing } from './control/control.ts'
import { counted } from './format.ts'
import { loadSystem, systemFile } from './load.ts'
import { nearest, readJson, typeTroubles } from './project.ts'
import { changesSince, readRecord, RECORD } from './record.ts'
import { VERSION } from './version.ts'

/** One thing that was looked at; with a remedy when it is not as it should be. */
export type Finding = { readonly what: string; readonly remedy?: string }

/** Looks at a project, and changes nothing. */
export async function examine(options: {
  readonly given: string | undefined
  readonly cwd: string
  readonly data: string
}): Promise<readonly Finding[]> {
  const { given, cwd, data } = options
  const manifest = nearest('package.json', join(cwd, 'system.ts'))
  if (manifest === undefined) {
    return [{ what: `No package.json in "${cwd}" or above`, remedy: 'Go to a project, or make one: npm create dure my-shop' }]
  }
  const project = dirname(manifest)
  return [
    { what: `Node ${process.versions.node}` },
    ...packages(project),
    ...created(project),
    ...(await theSystem({ given, cwd, data: resolve(cwd, data) })),
  ]
}

/** Of a version that is not the command's, or there twice: each of two copies knows only its own errors and contracts. */
function packages(project: string): readonly Finding[] {
  // In a workspace it stands further up.
  const installed = nearest(join('node_modules', 'dure', 'package.json'), join(project, 'system.ts'))
  if (installed === undefined) return [{ what: `"dure" is not installed in "${project}"`, remedy: 'Run: npm install' }]
  const root = dirname(dirname(dirname(installed)))
  const found = globSync(['node_modules/dure', 'node_modules/@dure/*', 'node_modules/**/node_modules/dure'], {
    cwd: root,
    exclude: (path) => path.split('node_modules').length > 3,
  }).map((path) => ({ path, version: String(readJson(join(root, path, 'package.json'))?.['version']) }))
  const apart = found.filter(({ version }) => version !== VERSION)
  const twice = found.filter(({ path }) => path.endsWith(join('node_modules', 'dure'))).length > 1
  return [
    ...apart.map(({ path, version }) => ({
      what: `${path} is ${version}, and this command is of ${VERSION}`,
      remedy: `Say the same version of all packages of Dure in package.json, then: npm install`,
    })),
    ...(twice ? [{ what: 'There are two copies of "dure" in node_modules', remedy: 'Run: npm dedupe' }] : []),
    ...(apart.length === 0 && !twice
      ? [{ what: `${found.length} ${found.length === 1 ? 'package' : 'packages'} of Dure, all ${VERSION}` }]
      : []),
  ]
}

function created(project: string): readonly Finding[] {
  const record = readRecord(project)
  if (record === undefined) return []
  if (record === 'broken') {
    return [
      {
        what: `${RECORD} cannot be read`,
        remedy: 'It only tells what was generated: take it back from version control, or delete it',
      },
    ]
  }
  const { gone, edited } = changesSince(record, project)
  const there = edited === 0 ? 'none was changed since' : `${edited} changed since`
  if (gone.length === 0) return [{ what: `All files that were generated are there, ${there}` }]
  return gone.map((path) => ({
    what: `${path} was generated and is gone`,
    remedy: `Take it back from version control, or its line out of ${RECORD} if it is not wanted`,
  }))
}

async function theSystem(options: { given: string | undefined; cwd: string; data: string }): Promise<readonly Finding[]> {
  const { given, cwd, data } = options
  try {
    const file = systemFile(given, cwd)
    const types = typeTroubles(file).map((trouble) => {
      const [what = '', remedy = ''] = trouble.split('; ')
      return { what, remedy: remedy.replace(/^run/, 'Run') }
    })
    const { system } = await loadSystem(given, cwd)
    return [
      ...types,
      { what: `${relative(cwd, file)} is a system of ${counted(system.services.length, 'service')}` },
      ...system.services.flatMap(({ contract, database }) =>
        database === undefined ? [] : history(data, contract.name, database.migrations),
      ),
      ...(await ports(system, data)),
    ]
  } catch (error) {
    return [{ what: 'The system does not load', remedy: describeThrown(error).message }]
  }
}

/** Whether a store that is a file goes with the service's migrations; one at a server says so at the next start. */
function history(data: string, service: string, migrations: Migrations): readonly Finding[] {
  try {
    const found = sqliteHistory({ file: join(data, `${service}.db`), service, migrations })
    if (found === undefined) return []
    const { pending, newer } = found
    if (newer.length > 0)
      return [{ what: `The data of "${service}" are of a newer build, which this one can go on with: "${newer.join('", "')}"` }]
    const left = pending.length === 0 ? '' : `, ${pending.length} to be applied at the next start`
    return [{ what: `The data of "${service}" have its migrations${left}` }]
  } catch (error) {
    const [what = '', remedy = 'Look at the file, or begin anew: dure dev --reset'] =
      describeThrown(error).message.split('. To do: ')
    return [{ what, remedy: remedy.charAt(0).toUpperCase() + remedy.slice(1) }]
  }
}

/** A port that is taken is a fault where the system does not run itself. */
async function ports(system: System, data: string): Promise<readonly Finding[]> {
  if (await runs(data)) return [{ what: `The system runs on "${data}" and has its ports` }]
  const findings: Finding[] = []
  for (const { name, listens } of system.doors) {
    const address = listens?.(data)
    if (address === undefined || !('port' in address) || address.port === 0) continue
    const { port, host } = address
    if (await isFree(port, host)) findings.push({ what: `Port ${port} of door "${name}" is free` })
    else
      findings.push({
        what: `Port ${port} of door "${name}" is taken`,
        remedy: `End who has it, or take another: dure dev --port ${port + 1}`,
      })
  }
  return findings
}

const runs = (data: string): Promise<boolean> =>
  askListing(data).then(
    () => true,
    () => false,
  )

function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen({ port, host }, () => server.close(() => resolve(true)))
  })
}
