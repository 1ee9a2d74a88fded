import type { Say } from './template.ts'

/** A test that reads the project's imports: which way its arrows point is looked at, not remembered. */
export const layeringFiles = (say: Say): Readonly<Record<string, string>> => ({
  'src/layering.test.ts': `import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { test } from 'node:test'

/** ${say('What a domain may import of packages: words for what is promised, and for what is handed in.', '도메인이 패키지에서 가져와도 되는 것: 약속하는 것과 건네받는 것을 적는 말.')} */
const DOMAIN_MAY_IMPORT = ['dure/contract', 'dure/runtime']

const IMPORT = /^(?:import|(?:import|export|\\}).* from|.*\\bimport\\()\\s*['"](.+?)['"]/gm

/** ${say('What is wrong with an import, paths being seen from this folder; a file right in it belongs to all services.', '임포트에서 잘못된 점. 경로는 이 폴더 기준이고, 이 폴더에 바로 놓인 파일은 모든 서비스의 것입니다.')} */
function wrongWith(file: string, specifier: string): string | undefined {
  const target = specifier.startsWith('.') ? posix.join(posix.dirname(file), specifier) : undefined
  const [service, folder] = file.split('/')
  if (target !== undefined && target !== 'system.ts' && /^[^/]+(\\/contract\\.ts)?$/.test(target)) return undefined
  if (folder === 'domain') {
    const known = target === undefined ? DOMAIN_MAY_IMPORT.includes(specifier) : target.startsWith(\`\${service}/domain/\`)
    return known ? undefined : '${say('a domain knows itself and contracts only; hand in what it needs, and let adapters import the domain', '도메인은 자신과 계약만 압니다. 필요한 것은 건네받고, 어댑터가 도메인을 임포트하게 하세요')}'
  }
  if (target === undefined) return undefined
  if (!target.startsWith(\`\${service}/\`)) return '${say('of another service only its contract.ts is known', '다른 서비스에서는 contract.ts만 알 수 있습니다')}'
  return target === \`\${service}/service.ts\` ? '${say('service.ts puts the parts together, so no part imports it', 'service.ts는 부분을 모으는 곳이므로, 부분이 다시 임포트하지 않습니다')}' : undefined
}

test('${say('imports point inwards: domains know nobody, and services know each other by contract', '임포트는 안쪽을 향한다. 도메인은 아무도 모르고, 서비스는 서로 계약으로만 안다')}', () => {
  const files = globSync('*/**/*.ts', { cwd: import.meta.dirname }).map((file) => file.replaceAll('\\\\', '/')).sort()
  assert.ok(files.length > 0)
  const wrong = files
    .filter((file) => !file.endsWith('.test.ts'))
    .flatMap((file) =>
      [...readFileSync(join(import.meta.dirname, file), 'utf8').matchAll(IMPORT)].flatMap(([, specifier = '']) => {
        const why = wrongWith(file, specifier)
        return why === undefined ? [] : [\`src/\${file} imports "\${specifier}": \${why}\`]
      }),
    )
  assert.ok(wrong.length === 0, wrong.join('\\n'))
})
`,
})
