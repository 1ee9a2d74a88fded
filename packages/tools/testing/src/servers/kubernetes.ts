import { createHash, generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { etcd } from './etcd.ts'
import { folderOf, type Recipe } from './recipe.ts'

/** A kube-apiserver with an etcd of its own and nothing else: no controllers, no nodes. Its account is in `kubeconfig` in its folder. */
export const kubernetes: Recipe = {
  version: '1.34.4',
  program: 'kube-apiserver',
  ports: ['kubernetes', 'etcd', 'peers'],
  launch: ({ programs, directory, ports, settings }) => {
    const pki = join(directory, 'pki')
    const [key, tokens] = [join(pki, 'sa.key'), join(pki, 'tokens.csv')]
    mkdirSync(pki, { recursive: true })
    if (!existsSync(key)) {
      const made = generateKeyPairSync('rsa', { modulusLength: 2048 })
      writeFileSync(key, made.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
    }
    const token = createHash('sha256').update(directory).digest('hex')
    writeFileSync(tokens, `${token},admin,1,"system:masters"\n`, { mode: 0o600 })
    writeFileSync(
      join(directory, 'kubeconfig'),
      kubeconfig({ url: `https://127.0.0.1:${ports['kubernetes']}`, token, ca: join(pki, 'apiserver.crt') }),
      {
        mode: 0o600,
      },
    )
    const words = Object.entries({
      'etcd-servers': `http://127.0.0.1:${ports['etcd']}`,
      'bind-address': '127.0.0.1',
      'secure-port': ports['kubernetes']!,
      'cert-dir': pki,
      'service-account-issuer': 'https://dure',
      'service-account-signing-key-file': key,
      'service-account-key-file': key,
      'token-auth-file': tokens,
      'authorization-mode': 'RBAC',
      'service-cluster-ip-range': '10.0.0.0/24',
      'disable-admission-plugins': 'ServiceAccount',
      'advertise-address': '127.0.0.1',
      'endpoint-reconciler-type': 'none',
      ...settings,
    }).map(([name, value]) => `--${name}=${String(value)}`)
    const store = etcd.launch({ programs: folderOf('etcd', etcd), directory, ports, settings: {}, account: undefined })
    const script = join(directory, 'run.sh')
    const own = [join(programs, 'kube-apiserver'), ...words]
    writeFileSync(script, `${quoted([store.command, ...store.words])} &\nexec ${quoted(own)}\n`)
    return { command: '/bin/sh', words: [script], folder: directory, env: { PATH: process.env['PATH'] } }
  },
  url: ({ ports }) => `https://127.0.0.1:${ports['kubernetes']}`,
  ready: /Serving securely on/,
}

const quoted = (words: readonly string[]): string => words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')

/** It is JSON, which YAML is too. The server shows a certificate that it makes itself. */
function kubeconfig({ url, token, ca }: { readonly url: string; readonly token: string; readonly ca: string }): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'local',
    contexts: [{ name: 'local', context: { cluster: 'local', user: 'admin', namespace: 'default' } }],
    clusters: [{ name: 'local', cluster: { server: url, 'certificate-authority': ca } }],
    users: [{ name: 'admin', user: { token } }],
  })
}
