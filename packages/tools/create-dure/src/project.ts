import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { CreateError } from './errors.ts'
import { checkName } from './name.ts'
import { first } from './templates/first.ts'
import { layeringFiles } from './templates/layering.ts'
import { shop } from './templates/shop.ts'
import type { Template } from './templates/template.ts'

export type ProjectOptions = {
  /** The package's name: that of its folder. */
  readonly name: string
  readonly template: 'first' | 'shop'
  readonly lang: 'en' | 'ko'
  /** Where the project is to stand: what `from` is seen from. */
  readonly folder: string
  /** A folder of tarballs (`npm run pack:all`), where the registry has no Dure. */
  readonly from?: string | undefined
  /** Of Dure. */
  readonly version: string
}

/** The file that notes what was made. */
export const RECORD = 'dure.created.json'

/** What a project imports, and what the command and those work with: npm does not look for it by itself (decision 0054). */
const PACKAGES: readonly string[] = [
  'cli',
  'collector',
  'console',
  'deploy',
  'gateway',
  'graphql',
  'grpc',
  'http2',
  'kubernetes',
  'operator',
  'rest',
  'simulation',
  'soap',
  'socket',
  'testing',
  'thrift',
].map((name) => `@dure/${name}`)

const TEMPLATES: Readonly<Record<ProjectOptions['template'], Template>> = { first, shop }

/**
 * All files of a project, by path.
 * @throws {CreateError} when npm would not take the name, or the folder of tarballs lacks one
 */
export function projectFiles(options: ProjectOptions): Readonly<Record<string, string>> {
  const { name, template, lang } = options
  checkName(name)
  const say = (en: string, ko: string): string => (lang === 'ko' ? ko : en)
  const { files, tries } = TEMPLATES[template]({ name, say })
  return {
    'package.json': json(manifest(options)),
    'tsconfig.json': json(TSCONFIG),
    '.gitignore': 'node_modules/\n.dure/\n*.log\n',
    '.github/workflows/ci.yml': CI,
    'README.md': readme({ name, say, tries }),
    ...files,
    ...layeringFiles(say),
  }
}

function manifest({ name, folder, from, version }: ProjectOptions): unknown {
  const dure = (names: readonly string[]): Record<string, string> =>
    Object.fromEntries(names.map((each) => [each, from === undefined ? version : tarball({ each, folder, from, version })]))
  return {
    name,
    version: '0.1.0',
    private: true,
    type: 'module',
    // What commands of `dure` take when they are given no file.
    dure: { system: 'src/system.ts' },
    scripts: {
      dev: 'dure dev',
      test: 'dure test',
      check: 'tsc && dure check placement',
      sim: 'dure sim',
      start: 'dure start',
    },
    // The programs that run it come along into production: the command line, and the Node that it was tried with.
    dependencies: { ...dure([...PACKAGES, 'dure']), node: '^26.10.0', zod: '^4.6.7' },
    devDependencies: { '@types/node': '^26.6.6', typescript: '^7.0.2' },
    engines: { node: '>=20' },
    allowScripts: { node: true, 'msgpackr-extract': false },
  }
}

function tarball({ each, folder, from, version }: { each: string; folder: string; from: string; version: string }): string {
  const file = join(from, `${each.replace('@', '').replace('/', '-')}-${version}.tgz`)
  if (!existsSync(file)) {
    throw new CreateError(
      `Cannot take "${each}" ${version} from "${from}": there is no ${file}. Write the tarballs with "npm run pack:all" in a checkout of Dure, or leave --from away to use the registry.`,
    )
  }
  const path = relative(folder, file).replaceAll('\\', '/')
  return `file:${path.startsWith('.') || path.startsWith('/') ? path : `./${path}`}`
}

const TSCONFIG = {
  compilerOptions: {
    ...{ target: 'es2024', lib: ['es2024', 'esnext.disposable'], module: 'nodenext', types: ['node'] },
    ...{ strict: true, noUncheckedIndexedAccess: true, noUnusedLocals: true, noUnusedParameters: true },
    // What Node runs as it is: types that can be taken away, imports that name their file.
    ...{ erasableSyntaxOnly: true, verbatimModuleSyntax: true, allowImportingTsExtensions: true },
    ...{ noEmit: true, skipLibCheck: true },
  },
  include: ['src'],
}

const CI = `name: ci
on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with: { node-version: 26, cache: npm }
      - run: npm ci
      - run: npm run check
      - run: npm test
`

function readme({ name, say, tries }: Parameters<Template>[0] & Pick<ReturnType<Template>, 'tries'>): string {
  const tried = tries.map(({ command, shows }) => `${command}   # ${shows}`).join('\n')
  return `# ${name}

${say('On a machine with nothing but Node (20 or newer) and npm:', 'Node(20 이상)와 npm만 있으면 됩니다.')}

\`\`\`sh
npm install && npm run dev   # ${say('runs it, and starts it again when a file changes', '실행하고, 파일이 바뀌면 다시 시작합니다')}
npm install && npm test      # ${say('passes its tests', '테스트를 통과합니다')}
\`\`\`

${say('While it runs, in another terminal:', '실행 중에 다른 터미널에서 해 보세요.')}

\`\`\`sh
${tried}
\`\`\`

${say('`npm run check` sees whether types hold and whether services answer alike wherever they run. `npm test` runs the tests layer by layer and says what each caught and cost; `npm test -- unit` runs one layer. `npx dure add service reviews` adds a service, and `npx dure add --help` says what else can be added.', '`npm run check`는 타입이 맞는지, 서비스를 어디에 두어도 똑같이 답하는지 검사합니다. `npm test`는 테스트를 층별로 돌리고 층마다 무엇을 잡았고 얼마나 걸렸는지 알려 줍니다. `npm test -- unit`은 한 층만 돌립니다. `npx dure add service reviews`는 서비스를 더하고, 그밖에 더할 수 있는 것은 `npx dure add --help`에 있습니다.')}
`
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
