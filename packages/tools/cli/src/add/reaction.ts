import { dirname, join, sep } from 'node:path'
import type { AnyEvent } from 'dure/contract'
import { importFile } from '../load.ts'
import { CliError, EXIT } from '../shell.ts'
import { callsOf, codeOf, groupAt, groupIn, itemsOf, valueOf, type Group } from './code.ts'
import { withItem } from './edits.ts'
import { wordsOf } from './names.ts'
import type { Edit, Plan } from './plan.ts'
import { eventsOf, pathTo, type Project, type Source } from './project.ts'
import { sampleOf } from './sample.ts'
import { sayIn } from './say.ts'
import { editIn, importIn, serviceNamed, subjectIn, type Whole } from './within.ts'

/** A service reacts to an event: it keeps the latest of each key, in a table of its own. */
export async function planReaction(
  project: Project,
  name: string,
  { service: wanted }: { readonly service: string | undefined },
): Promise<Plan> {
  const events = eventsOf(project)
  const event = events.find((each) => each.name === name)
  if (event === undefined)
    throw new CliError(
      `Cannot add a reaction to "${name}": no exported constant is event('${name}', …); ${events.length === 0 ? 'there is no event yet; add one: dure add event NAME' : `there are ${events.map((each) => each.name).join(', ')}`}`,
      { exitCode: EXIT.misuse },
    )
  const whole = serviceNamed(project, wanted)
  const { service, contract } = whole
  const what = `the reaction to "${name}" to "${whole.name}"`
  const written = service.source.code.slice(service.args.open, service.args.close)
  if (new RegExp(`\\bon\\(\\s*${event.constant}\\b`).test(written))
    throw new CliError(
      `Cannot add ${what}: it reacts to it already; look for on(${event.constant}, …) in ${project.shown(service.source.file)}`,
      {
        exitCode: EXIT.misuse,
      },
    )
  const table = `latest_${wordsOf(name, '_')}`
  const say = sayIn(project.lang)
  const on = `// ${say('Once for each event, whatever crashes or arrives twice: effect and mark commit together.', '무엇이 죽거나 두 번 도착해도 이벤트마다 한 번입니다. 효과와 표시가 함께 커밋됩니다.')}
on(${event.constant}, async ({ key, data }, { tx }) => {
  const row = { id: key, data: JSON.stringify(data) }
  await tx.insertInto('${table}').values(row).onConflict((oc) => oc.column('id').doUpdateSet(row)).execute()
})`
  const test = join(dirname(service.source.file), `on-${wordsOf(name, '-')}.test.ts`)
  const { line, subject } = subjectIn(project, whole, test)
  const sample = await sampleOfFile(event)
  const title = say(`${whole.name} reacts to ${name}`, `${whole.name}이(가) ${name}에 반응한다`)
  return {
    what,
    files: {
      [test]:
        sample === undefined
          ? `import { test } from 'node:test'\n\n// ${say(`Bring it one: await tested.publish(${event.constant}, { … })`, `이벤트를 건네 보세요: await tested.publish(${event.constant}, { … })`)}\ntest.todo('${title}')\n`
          : `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testSystem } from '@dure/testing'
${imports(test, whole, event)}
${line}

test('${title}', async () => {
  await using tested = await testSystem(${subject})
  await tested.publish(${event.constant}, ${sample}, { times: 2 })
  await tested.settled()
  assert.deepEqual(await tested.deadLetters(${whole.constant}).list(), [])
})
`,
    },
    edits: [
      importIn(service.source.file, event.constant, pathTo(service.source.file, event.file)),
      editIn({
        ...{ source: service.source, call: ['service', whole.constant], property: 'subscriptions' },
        item: { item: on, block: true },
        groupOf: listOfReactions,
        whole: `subscriptions: ({ on }) => [\n  ${on.replaceAll('\n', '\n  ')},\n]`,
      }),
      ...tableEdits(storeOf(project, whole, what), table),
    ],
    next: `say what it does; the migration may be changed until it has run somewhere. Then npm test (${project.shown(contract.source.file)} stays as it is)`,
  }
}

function imports(
  test: string,
  { constant, contract }: Whole,
  event: { readonly constant: string; readonly file: string },
): string {
  const own = pathTo(test, contract.source.file)
  const its = pathTo(test, event.file)
  if (own === its) return `import { ${[constant, event.constant].toSorted().join(', ')} } from '${own}'`
  return `import { ${event.constant} } from '${its}'\nimport { ${constant} } from '${own}'`
}

async function sampleOfFile({
  file,
  constant,
}: {
  readonly file: string
  readonly constant: string
}): Promise<string | undefined> {
  try {
    return await sampleOf((await importFile(file, file))[constant] as AnyEvent)
  } catch {
    // What does not load yet, its packages not being installed, has a test without data.
    return undefined
  }
}

/** `({ on }) => [ … ]`: the list at the end. */
function listOfReactions(code: string, value: ReturnType<typeof valueOf>): Group | undefined {
  if (value === undefined || value === 'absent') return undefined
  const [head] = /^\(\s*\{[^}]*\bon\b(?!\s*:)[^}]*\}\s*\)\s*=>\s*(?=\[)/.exec(code.slice(value.start, value.end)) ?? []
  const group = head === undefined ? undefined : groupAt(code, value.start + head.length)
  return group?.close === value.end - 1 ? group : undefined
}

/** Where the service's migrations are written. */
function storeOf({ sources, shown }: Project, { service, name }: Whole, what: string): Source {
  const folder = dirname(service.source.file) + sep
  const found = sources.filter(({ file, code }) => file.startsWith(folder) && callsOf(code, 'database').length > 0)
  if (found.length === 1) return found[0]!
  throw new CliError(
    found.length === 0
      ? `Cannot add ${what}: "${name}" has no database(…) in ${shown(dirname(service.source.file))}, and a reaction's effect needs one; give it "database: database<Tables>({ migrations: {} })" with "type Tables = {}" and call this again. Nothing was written.`
      : `Cannot add ${what}: there are several databases (${found.map(({ file }) => shown(file)).join(', ')}), and this tells them apart by folders only. Nothing was written; put each service in a folder of its own.`,
  )
}

function tableEdits({ file }: Source, table: string): readonly Edit[] {
  const row = `${table}: { id: string; data: string }`
  const migration = (number: string): string =>
    `'${number}-${table.replaceAll('_', '-')}': 'CREATE TABLE ${table} (id TEXT PRIMARY KEY, data TEXT NOT NULL)'`
  return [
    {
      ...{ file, place: 'in "migrations" of database(…)', put: `${migration('NNN')}, with the next number` },
      change: (text) => {
        const code = codeOf(text)
        const [call] = callsOf(code, 'database')
        const options = call && groupIn(code, itemsOf(code, call.group)[0], '{')
        const group = options && groupIn(code, valueOf(code, options, 'migrations'), '{')
        if (group === undefined) return undefined
        const names = itemsOf(code, group).map(({ start, end }) => /^['"]?(\d+)/.exec(text.slice(start, end))?.[1])
        if (names.includes(undefined)) return undefined
        const last = names
          .map((each) => each!)
          .toSorted((a, b) => Number(a) - Number(b))
          .at(-1)
        const next = String(Number(last ?? 0) + 1).padStart(last?.length ?? 3, '0')
        return withItem(text, group, { item: migration(next), block: true })
      },
    },
    {
      ...{ file, place: 'in the type of the tables, database<…>', put: row },
      change: (text) => {
        const group = tablesIn(codeOf(text))
        return group && withItem(text, group, { item: row, between: ';' })
      },
    },
  ]
}

/** `database<{ … }>(…)`, or the type of that name. */
function tablesIn(code: string): Group | undefined {
  const [, inline, name] = /(?<![.\w$])database\s*<\s*(?:(\{)|(\w+)\s*>)/.exec(code) ?? []
  if (inline !== undefined)
    return groupAt(code, code.search(/(?<![.\w$])database\s*<\s*\{/) + /database\s*<\s*\{/.exec(code)![0].length - 1)
  const type = name === undefined ? null : new RegExp(`\\b(?:type\\s+${name}\\s*=|interface\\s+${name})\\s*\\{`).exec(code)
  return type === null ? undefined : groupAt(code, type.index + type[0].length - 1)
}
