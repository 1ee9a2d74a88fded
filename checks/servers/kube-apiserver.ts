import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Builds a kube-apiserver by Go, in 10 to 30 minutes: some 2,000 packages. `go install` refuses it, for its own module replaces others by
 * folders of its repository; each of those is published as version 0 of the same number. Says why not where it cannot.
 */
export function buildApiServer(folder: string, version: string): string | undefined {
  const source = join(folder, 'source')
  const env = { ...process.env, GOFLAGS: '-mod=mod', GOWORK: 'off' }
  const go = (words: readonly string[], cwd: string = source): string | undefined => {
    const { status, stdout } = spawnSync('nice', ['-n', '15', 'go', ...words], {
      ...{ cwd, env, encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'inherit'] },
    })
    return status === 0 ? stdout : undefined
  }
  if (spawnSync('go', ['version'], { stdio: 'ignore' }).status !== 0) return 'needs Go 1.25 or newer, which is not here'
  spawnSync('mkdir', ['-p', source])
  const module = `k8s.io/kubernetes@v${version}`
  const downloaded = go(['mod', 'download', '-json', module], folder)
  if (downloaded === undefined) return `could not be installed: "go mod download ${module}" failed`
  const { GoMod } = JSON.parse(downloaded) as { readonly GoMod: string }
  // Others, as kube-openapi, have repositories of their own and a version with a date: v0.0.0-20250710124328-…
  const staged = new Set(
    [...readFileSync(GoMod, 'utf8').matchAll(/^\s*(k8s\.io\/[a-z0-9-]+) v0\.0\.0(?![-\w])/gm)].map(([, name]) => name!),
  )
  const replaced = [...staged].map((name) => `replace ${name} => ${name} v0${version.slice(1)}`)
  writeFileSync(join(source, 'go.mod'), [`module apiserver`, `require k8s.io/kubernetes v${version}`, ...replaced, ''].join('\n'))
  writeFileSync(
    join(source, 'tools.go'),
    '//go:build tools\n\npackage tools\n\nimport _ "k8s.io/kubernetes/cmd/kube-apiserver"\n',
  )
  const named = `-s -w -X k8s.io/component-base/version.gitVersion=v${version} -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=${version.split('.')[1]}`
  const program = ['-trimpath', '-ldflags', named, '-o', join(folder, 'kube-apiserver'), 'k8s.io/kubernetes/cmd/kube-apiserver']
  // What only tests of its packages need may be missing.
  go(['mod', 'tidy'])
  if (go(['build', ...program]) === undefined) return 'could not be installed: "go build" failed'
  rmSync(source, { recursive: true })
  return undefined
}
