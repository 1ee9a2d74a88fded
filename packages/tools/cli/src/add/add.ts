/** What `dure add` writes: functions from a project and a name to files and changes, all of which are made, or none. */
import { dirname, join, relative } from 'node:path'
import { systemFile } from '../load.ts'
import { nearest } from '../project.ts'
import { readRecord } from '../record.ts'
import { CliError, EXIT } from '../shell.ts'
import { VERSION } from '../version.ts'
import { planEvent } from './event.ts'
import { planOperation } from './operation.ts'
import { carryOut, type Done, type Plan } from './plan.ts'
import { readProject, type Project } from './project.ts'
import { planReaction } from './reaction.ts'
import { planService } from './service.ts'

export type Wanted = {
  readonly kind: 'service' | 'operation' | 'event' | 'reaction'
  readonly name: string
  readonly service: string | undefined
  /** Of an operation. */
  readonly as: 'command' | 'query'
  /** Default: the project's. */
  readonly lang: 'en' | 'ko' | undefined
}

/** @throws {CliError} when it cannot be done; the project is as it was then */
export async function add(wanted: Wanted, cwd: string): Promise<Done & Pick<Plan, 'what' | 'next'>> {
  const project = projectIn(cwd, wanted.lang)
  const { kind, name, service, as } = wanted
  const plan = await {
    service: () => planService(project, name),
    operation: () => planOperation(project, name, { service, kind: as }),
    event: () => planEvent(project, name, { service }),
    reaction: () => planReaction(project, name, { service }),
  }[kind]()
  return { ...carryOut(plan, project, VERSION), what: plan.what, next: plan.next }
}

function projectIn(cwd: string, lang: Wanted['lang']): Project {
  const manifest = nearest('package.json', join(cwd, 'system.ts'))
  if (manifest === undefined)
    throw new CliError(
      `Cannot add to "${cwd}": it is no project, for there is no package.json in it or above; go to one, or make one: npm create dure my-shop`,
      { exitCode: EXIT.misuse },
    )
  const root = dirname(manifest)
  const file = systemFile(undefined, relative(cwd, root) === '' ? cwd : root)
  const record = readRecord(root)
  const own = typeof record === 'object' && record.lang === 'ko' ? 'ko' : 'en'
  return readProject({ root, file, lang: lang ?? own })
}
