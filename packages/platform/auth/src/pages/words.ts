/** What pages say, in the languages they speak. */
import type { Language } from 'dure/door/internal'

export type Words = {
  readonly logIn: string
  readonly to: (client: string) => string
  readonly name: string
  readonly password: string
  readonly submit: string
  readonly cancel: string
  readonly returns: (host: string) => string
  readonly wrong: string
  readonly tooMany: string
  readonly busy: string
  readonly failed: string
  readonly consent: (client: string) => string
  readonly as: (name: string) => string
  readonly allow: string
  readonly deny: string
  readonly openid: string
  readonly profile: string
  readonly offline: string
  readonly logOut: string
  readonly logOutAsked: (system: string) => string
  readonly stay: string
  readonly loggedOut: string
  readonly loggedOutText: string
  readonly error: string
  readonly expired: string
  readonly expiredText: string
  readonly refused: string
}

export const WORDS: Readonly<Record<Language, Words>> = {
  en: {
    logIn: 'Log in',
    to: (client) => `to continue to ${client}`,
    name: 'User name',
    password: 'Password',
    submit: 'Log in',
    cancel: 'Cancel',
    returns: (host) => `You will be sent to ${host}.`,
    wrong: 'The user name or the password is not right.',
    tooMany: 'There were too many attempts. Wait a few minutes, then try again.',
    busy: 'Too many people log in at this moment. Try again in a few seconds.',
    failed: 'It did not work. Try again in a moment.',
    consent: (client) => `${client} asks for access`,
    as: (name) => `You are logged in as ${name}. If you allow it, this application may:`,
    allow: 'Allow',
    deny: 'Do not allow',
    openid: 'Know who you are',
    profile: 'Read your user name',
    offline: 'Act for you when you are not there',
    logOut: 'Log out',
    logOutAsked: (system) => `Do you want to log out of ${system}?`,
    stay: 'Stay logged in',
    loggedOut: 'You are logged out',
    loggedOutText: 'You can close this page.',
    error: 'This does not work',
    expired: 'This page has expired',
    expiredText: 'Go back to the application that you came from, and log in again.',
    refused: 'The application has sent you here with a request that cannot be answered. Tell whoever runs it:',
  },
  ko: {
    logIn: '로그인',
    to: (client) => `${client}에서 계속하려면 로그인하세요`,
    name: '사용자 이름',
    password: '비밀번호',
    submit: '로그인',
    cancel: '취소',
    returns: (host) => `다음 주소로 이동합니다: ${host}`,
    wrong: '사용자 이름 또는 비밀번호가 맞지 않습니다.',
    tooMany: '시도 횟수가 너무 많습니다. 몇 분 뒤에 다시 시도하세요.',
    busy: '지금 로그인하는 사람이 많습니다. 몇 초 뒤에 다시 시도하세요.',
    failed: '처리하지 못했습니다. 잠시 뒤에 다시 시도하세요.',
    consent: (client) => `${client}에서 접근 권한을 요청합니다`,
    as: (name) => `${name} 계정으로 로그인되어 있습니다. 허용하면 이 애플리케이션이 다음을 할 수 있습니다.`,
    allow: '허용',
    deny: '허용하지 않음',
    openid: '내가 누구인지 확인',
    profile: '사용자 이름 읽기',
    offline: '내가 없을 때에도 나를 대신해 작업',
    logOut: '로그아웃',
    logOutAsked: (system) => `${system}에서 로그아웃할까요?`,
    stay: '로그인 유지',
    loggedOut: '로그아웃되었습니다',
    loggedOutText: '이 페이지를 닫아도 됩니다.',
    error: '요청을 처리할 수 없습니다',
    expired: '페이지가 만료되었습니다',
    expiredText: '원래 애플리케이션으로 돌아가 다시 로그인하세요.',
    refused: '애플리케이션이 보낸 요청에 답할 수 없습니다. 애플리케이션 운영자에게 다음 내용을 알려 주세요.',
  },
}
