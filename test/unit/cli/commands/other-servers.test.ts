import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type CommandResult, runCommand } from '../../../support/servers/command-line.js';

const open: Server[] = [];

afterEach(async () => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  open.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function answering(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  return listen((_request, response) => {
    response.writeHead(status, headers).end(body);
  });
}

const KEY = 'wtm_abcdefgh_CANARY-the-key';

function list(url: string, ...words: readonly string[]): Promise<CommandResult> {
  return runCommand(['list', '--url', url, ...words], { env: { WECHAT_TOKENS_KEY: KEY } });
}

describe('a server of another kind', () => {
  it('an error for a server that does not listen names its URL and the remedy', async () => {
    const url = await answering(200, '');
    const [server] = open.splice(0);
    await new Promise((resolve) => server?.close(resolve));
    expect(await list(url)).toEqual({
      code: 1,
      out: '',
      err:
        `wechat-token-manager: no server listens at ${url}: start it with "wechat-token-manager serve", ` +
        'or give its address with --url\n',
    });
  });

  it('a host name that does not resolve is reported as unknown', async () => {
    const { code, err } = await list('http://no-such-host.invalid:9001');
    expect(code).toBe(1);
    expect(err).toMatch(/^wechat-token-manager: the host of http:\/\/no-such-host\.invalid:9001 is unknown \(E\w+\)/);
  });

  it('an error shows no secret that the server repeats', async () => {
    const url = await listen((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        const detail = `${request.headers.authorization} ${body}`;
        response.writeHead(400).end(JSON.stringify({ detail, code: 'C'.repeat(10_000) }));
      });
    });
    const env = { WECHAT_TOKENS_KEY: KEY, WECHAT_TOKENS_SECRET: 'CANARY-the-secret' };
    const { code, err } = await runCommand(['register', 'wx1', '--url', url, '--task', 'access_token'], { env });
    expect(code).toBe(1);
    expect(err).toContain('[redacted]');
    expect(err).not.toContain('CANARY');
    expect(err.length).toBeLessThan(1_500);
  });

  it('an answer without end is an error', async () => {
    const url = await listen((_request, response) => {
      const chunk = 'x'.repeat(1_048_576);
      const write = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', write);
      write();
    });
    const { code, err } = await list(url);
    expect(code).toBe(1);
    expect(err).toContain(`${url} answered with more than 8388608 bytes`);
  });

  it('a list ends with an empty page, even if another is announced', async () => {
    const pages: unknown[] = [];
    const url = await listen((request, response) => {
      pages.push(request.url);
      response.end(JSON.stringify({ tasks: [], apps: [], after: `wx${pages.length}/access_token` }));
    });
    expect((await list(url)).code).toBe(0);
    expect(pages).toEqual(['/tokens?limit=500', '/apps?limit=500']);
  });

  it('a token with control characters is not printed', async () => {
    const url = await answering(200, JSON.stringify({ value: '\u001b[2Jtoken' }));
    const { code, out, err } = await runCommand(['get', 'wx1', 'access_token', '--url', url], {});
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('control characters');
  });

  it('a connection that the server closes is reported', async () => {
    const url = await listen((request) => request.socket.destroy());
    const { code, err } = await list(url);
    expect(code).toBe(1);
    expect(err).toContain(`${url} cannot be reached (UND_ERR_SOCKET)`);
  });

  it.each([
    [404, '<html>', 'with status 404 and no explanation'],
    [500, '', 'with status 500 and no explanation'],
    [301, '', 'with status 301 and no explanation'],
    [200, '<html>', 'with something other than JSON'],
    [200, '[]', 'with something other than JSON'],
  ])('an answer of status %i with %j is reported as that of another server', async (status, body, how) => {
    const url = await answering(status, body, status === 301 ? { Location: 'http://127.0.0.1:1/tokens' } : {});
    expect(await list(url)).toEqual({
      code: 1,
      out: '',
      err: `wechat-token-manager: ${url} answered ${how}: give the token server's address with --url\n`,
    });
  });

  it('a refusal of a request without a key shows the reason, which a key alone may not change', async () => {
    const reason = 'this request came through a proxy: start the server with --keys';
    const url = await answering(403, JSON.stringify({ status: 403, detail: reason }));
    expect(await runCommand(['list', '--url', url])).toEqual({
      code: 1,
      out: '',
      err:
        `wechat-token-manager: ${url} refused the request, which has no API key: ${reason} (403); ` +
        'a key is given in WECHAT_TOKENS_KEY or with --key-file\n',
    });
  });

  it.each([502, 503, 504])(
    'the status %i of a proxy is reported as a server that does not run behind it',
    async (status) => {
      const url = await answering(status, '<html><h1>Bad Gateway</h1></html>');
      expect(await list(url)).toEqual({
        code: 1,
        out: '',
        err: `wechat-token-manager: a proxy at ${url} gets no answer from the token server (${status}): check that the server runs\n`,
      });
    },
  );

  it.each([
    ['list', 'the server answered without tasks'],
    ['get wx1 access_token', 'the server answered without a token'],
    ['register wx1 --task access_token', 'the server answered without an outcome'],
    ['put wx1 access_token', 'the server answered without an outcome'],
  ])('%s reports other JSON than expected, and no success', async (line, message) => {
    const url = await answering(200, '{}');
    const world = { env: { WECHAT_TOKENS_SECRET: 'secret' }, input: '{"value":"v","expires_in":7200}' };
    const result = await runCommand([...line.split(' '), '--url', url], world);
    expect(result).toEqual({ code: 1, out: '', err: `wechat-token-manager: ${message}\n` });
  });

  it('a redirect is not followed, since it would send the key on', async () => {
    const asked: string[] = [];
    const elsewhere = await listen((request, response) => {
      asked.push(request.url ?? '');
      response.end('{}');
    });
    await list(await answering(307, '', { Location: elsewhere }));
    expect(asked).toEqual([]);
  });

  it('an answer cannot control the terminal', async () => {
    const task = { appid: 'wx\u001b[2J', type: 't\r\n', state: 'fresh', lastError: { code: 'X', message: 'a\u0007b' } };
    const { out } = await list(await answering(200, JSON.stringify({ tasks: [task, null, 7] })));
    expect(out.split('\n')).toHaveLength(3);
    expect(out).toContain('X: a b');
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    const { err } = await list(await answering(500, JSON.stringify({ detail: 'a\u001b[2Jb\nc' })));
    expect(err).toBe('wechat-token-manager: a [2Jb c\n');
  });

  it('a list ends when the server repeats a page', async () => {
    let count = 0;
    const url = await listen((_request, response) => {
      count += 1;
      response.end(JSON.stringify({ tasks: [{ appid: 'wx1' }], after: 'wx1/t' }));
    });
    expect((await list(url, '--json')).code).toBe(0);
    expect(count).toBe(2);
  });

  it('a server may be below a path, and is sent the API key', async () => {
    const seen: (string | undefined)[] = [];
    const url = await listen((request, response) => {
      seen.push(request.url, request.headers.authorization);
      response.end('{"tasks":[]}');
    });
    await list(`${url}/wechat/`, 'wx@1');
    const paths = ['tokens', 'apps'].map((path) => `/wechat/${path}?appid=wx%401&limit=500`);
    expect(seen).toEqual(paths.flatMap((path) => [path, `Bearer ${KEY}`]));
  });

  it('a list goes by the clock of the server', async () => {
    const date = 'Thu, 01 Jan 1970 00:00:10 GMT';
    const task = { appid: 'wx1', type: 't', state: 'fresh', obtainedAt: 0, expiresAt: 40_000, dueAt: 30_000 };
    const { out } = await list(await answering(200, JSON.stringify({ tasks: [task] }), { Date: date }));
    expect(out.split('\n')[1]).toBe('wx1  t     fresh  ██████░░ 30s  in 20s');
  });
});

describe('the URL of a server', () => {
  it.each([
    ['127.0.0.1:9001', 'must be an http or https URL like http://127.0.0.1:9001'],
    ['ftp://a.test', 'must be an http or https URL like http://127.0.0.1:9001'],
    [`http://any:${KEY}@a.test`, 'must not contain a key: set WECHAT_TOKENS_KEY, or use --key-file'],
    [`http://a.test/?key=${KEY}`, 'must be a URL without a query'],
  ])('the URL of a server cannot be %s', async (url, message) => {
    expect(await list(url)).toEqual({ code: 2, out: '', err: `wechat-token-manager: --url ${message}\n` });
  });
});

describe('a server of an earlier release', () => {
  const EARLIER: RequestListener = ({ url = '' }, response) => {
    if (url.startsWith('/tokens')) response.end('{"tasks":[{"appid":"wx1","type":"access_token","state":"fresh"}]}');
    else response.writeHead(404).end('{"detail":"there is no such route"}');
  };

  it('a server that lists no apps lists its tasks all the same', async () => {
    const { code, out, err } = await list(await listen(EARLIER));
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out.trimEnd().split('\n')).toHaveLength(2);
  });

  it('a server that lists no apps has none to show', async () => {
    expect(await list(await listen(EARLIER), '--apps')).toEqual({ code: 0, out: '', err: 'there are no apps\n' });
  });
});
