#!lua name=anomaly_pipeline_alerting_2
-- The steps of alerting that must be one: who holds a partition, and what changes with the entries
-- of the outbox that it makes up for. ledger.py says what they are for. No alert is read here.

-- A field of a flat list of names and values.
local function field(flat, name)
  for i = 1, #flat, 2 do
    if flat[i] == name then return flat[i + 1] end
  end
end

local function info_of_group(outbox, group)
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', outbox)) do
    if field(info, 'name') == group then return info end
  end
end

-- Entries that were trimmed before the group was given them: the stream was at its bound.
local function trimmed_unread(outbox, group)
  local stream = redis.call('XINFO', 'STREAM', outbox)
  local read = field(info_of_group(outbox, group), 'entries-read')
  if not read then return 0 end
  return math.max(0, field(stream, 'entries-added') - field(stream, 'length') - read)
end

-- KEYS: lease, outbox, alerts. ARGV: me, lease ms, group, count, history.
-- Returns {holder, revision, entries, lost}.
local function take(keys, args)
  local lease, outbox, alerts = keys[1], keys[2], keys[3]
  local me, ttl, group, count = args[1], args[2], args[3], args[4]
  local holder = redis.call('GET', lease)
  if holder and holder ~= me then return {holder, '0', {}, 0} end
  if not holder then
    redis.call('SET', lease, me, 'PX', ttl)
  elseif 2 * redis.call('PTTL', lease) < tonumber(ttl) then
    -- Not at every look: each renewal is written to the AOF, of a pipeline at rest, too.
    redis.call('PEXPIRE', lease, ttl)
  end
  local revision = redis.call('HGET', alerts, 'revision') or '0'
  -- What a pod that died had been given, and what this one could not finish.
  local claimed = redis.pcall('XAUTOCLAIM', outbox, group, me, '0', '0', 'COUNT', count)
  if claimed.err then
    if not string.find(claimed.err, 'NOGROUP', 1, true) then return claimed end
    redis.call('XGROUP', 'CREATE', outbox, group, '0', 'MKSTREAM')
    claimed = {'0-0', {}, {}}
  end
  local entries, lost = claimed[2], #(claimed[3] or {})
  if not holder then
    for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', outbox, group)) do
      -- name, NAME, pending, COUNT, ...
      if consumer[2] ~= me and consumer[4] == 0 then
        redis.call('XGROUP', 'DELCONSUMER', outbox, group, consumer[2])
      end
    end
  end
  if #entries == 0 then
    if redis.call('XLEN', outbox) > tonumber(args[5]) then
      lost = lost + trimmed_unread(outbox, group)
    end
    local read = redis.call(
      'XREADGROUP', 'GROUP', group, me, 'COUNT', count, 'STREAMS', outbox, '>')
    if read then entries = read[1][2] end
  end
  return {me, revision, entries, lost}
end

-- KEYS: lease, outbox, alerts, dead letters, then a queue for each receiver.
-- ARGV: me, revision, group, history, queue length, dead length, idle ms,
--   number handled, number of alerts, then the ids, (key, alert or '') for each alert,
--   and (index of queue, payload) for each notice.
-- Returns {1, for each queue the notices that found it full} or {0, {}}.
local function change(keys, args)
  local lease, outbox, alerts, dead = keys[1], keys[2], keys[3], keys[4]
  local me, revision, group = args[1], args[2], args[3]
  local history, most, most_dead, idle = tonumber(args[4]), tonumber(args[5]), args[6], args[7]
  if redis.call('GET', lease) ~= me then return {0, {}} end
  if (redis.call('HGET', alerts, 'revision') or '0') ~= revision then return {0, {}} end
  local handled, changed, at = tonumber(args[8]), tonumber(args[9]), 10
  for i = at, at + handled - 1 do redis.call('XACK', outbox, group, args[i]) end
  at = at + handled
  for i = at, at + 2 * changed - 1, 2 do
    if args[i + 1] == '' then
      redis.call('HDEL', alerts, args[i])
    else
      redis.call('HSET', alerts, args[i], args[i + 1])
    end
  end
  at = at + 2 * changed
  redis.call('HINCRBY', alerts, 'revision', 1)
  local full = {}
  for q = 1, #keys - 4 do full[q] = 0 end
  for i = at, #args, 2 do
    local q = tonumber(args[i])
    local queue = keys[4 + q]
    if redis.call('XLEN', queue) < most then
      redis.call('XADD', queue, '*', 'notice', args[i + 1])
      redis.call('PEXPIRE', queue, idle)
    else
      -- As `ledger.dead_letter` writes it; a receiver's name needs no escapes.
      local letter = '{"receiver":"' .. string.match(queue, '[^:]*$')
        .. '","reason":"its queue is full","notice":' .. args[i + 1] .. '}'
      redis.call('XADD', dead, 'MAXLEN', '~', most_dead, '*', 'letter', letter)
      full[q] = full[q] + 1
    end
  end
  -- Behind what was handled, never into what was not.
  if handled > 0 and redis.call('XLEN', outbox) > history then
    local info = info_of_group(outbox, group)
    local lag = field(info, 'lag')
    if lag and field(info, 'pending') == 0 then
      redis.call('XTRIM', outbox, 'MAXLEN', '~', math.max(history, lag))
    end
  end
  return {1, full}
end

-- KEYS: lease. ARGV: me.
local function release(keys, args)
  if redis.call('GET', keys[1]) == args[1] then redis.call('DEL', keys[1]) end
  return 1
end

-- KEYS: queue, dead letters. ARGV: entry, dead letter or '', dead length.
local function settle(keys, args)
  if redis.call('XDEL', keys[1], args[1]) == 1 and args[2] ~= '' then
    redis.call('XADD', keys[2], 'MAXLEN', '~', args[3], '*', 'letter', args[2])
  end
  return 1
end

redis.register_function('anomaly_pipeline_alerting_2_take', take)
redis.register_function('anomaly_pipeline_alerting_2_change', change)
redis.register_function('anomaly_pipeline_alerting_2_release', release)
redis.register_function('anomaly_pipeline_alerting_2_settle', settle)
