import { CliError, EXIT } from '../shell.ts'
import { callsOf, codeOf } from './code.ts'
import { declares, withLinesBefore } from './edits.ts'
import { checkName, constantOf } from './names.ts'
import type { Plan } from './plan.ts'
import { eventsOf, type Project } from './project.ts'
import { sayIn } from './say.ts'
import { editIn, importIn, serviceNamed } from './within.ts'

/** An event that a service announces. */
export function planEvent(project: Project, name: string, { service: wanted }: { readonly service: string | undefined }): Plan {
  checkName('event', name)
  const { name: service, contract } = serviceNamed(project, wanted)
  const known = eventsOf(project).find((each) => each.name === name)
  if (known !== undefined)
    throw new CliError(
      `Cannot add the event "${name}" to "${service}": ${project.shown(known.file)} has it already; take another name`,
      {
        exitCode: EXIT.misuse,
      },
    )
  const constant = constantOf(name)
  const { file } = contract.source
  const say = sayIn(project.lang)
  const lines = `/** ${say('Something that has happened: others may react to it, and nobody can take it back.', '이미 일어난 일입니다. 누구든 반응할 수 있고, 아무도 되돌릴 수 없습니다.')} */
export const ${constant} = event('${name}', { schema: z.object({ id: z.string() }), key: ({ id }) => id })`
  return {
    what: `the event "${name}" to "${service}"`,
    files: {},
    edits: [
      importIn(file, 'event', 'dure/contract'),
      importIn(file, 'z', 'zod'),
      {
        ...{ file, place: `before contract('${service}', …)`, put: lines },
        change: (text) => {
          const code = codeOf(text)
          const call = callsOf(code, 'contract').find(({ group }) =>
            text
              .slice(group.open + 1)
              .trimStart()
              .slice(1)
              .startsWith(service),
          )
          return call === undefined || declares(code, constant) ? undefined : withLinesBefore(text, call.start, lines)
        },
      },
      editIn({
        ...{ source: contract.source, call: ['contract', `'${service}'`], property: 'events' },
        item: { item: constant },
        whole: `events: [${constant}]`,
      }),
    ],
    next: `announce it in a handler, beside the row it tells of: await tx.publish(${constant}, { id })`,
  }
}
