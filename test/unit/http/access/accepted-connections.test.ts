import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { peersOf } from '../../../../src/http/access/peers.js';
import { createHandler } from '../../../../src/http/index.js';
import { SdkWorld, SECRET, tokenPath } from '../../../support/worlds/sdk-world.js';
import { APPID } from '../../../support/worlds/world.js';

const RIGHT = 'the right one';

test.each([
  ['an SDK that asks for the token', tokenPath(APPID, SECRET), true],
  ['an SDK whose secret is wrong', tokenPath(APPID, 'another'), false],
  ['a call with a token of the server', `/cgi-bin/getcallbackip?access_token=${RIGHT}`, true],
  ['a call with an invented token', '/cgi-bin/getcallbackip?access_token=invented', false],
])(
  'whether the connection of %s has had an accepted request is known when it is answered',
  async (_, path, isAccepted) => {
    await using world = await SdkWorld.start();
    const token = await world.server.askToken();
    const handler = createHandler(world.server.tokens, { contracts: ['wechat'], trust: ['10.0.0.0/8'] });
    const accepted = peersOf(handler)?.watchAccepted();
    const connections: Socket[] = [];
    const server = createServer(handler.node).on('connection', (socket) => connections.push(socket));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const caller = connect((server.address() as AddressInfo).port, '127.0.0.1');
    caller.write(`GET ${path.replace(RIGHT, token)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    await once(caller, 'data');
    expect(connections.map((connection) => accepted?.hasConnection(connection))).toEqual([isAccepted]);
    caller.destroy();
    server.close();
  },
);
