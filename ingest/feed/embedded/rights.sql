-- The embedded feed has one role for all who use it: rights per topic are what Kafka is for.
do $$
begin
    if to_regrole('histoire_feed') is null or not pg_has_role(
        current_user, (select nspowner from pg_namespace where nspname = 'feed'), 'usage') then
        return;
    end if;
    grant usage on schema feed to histoire_feed;
    grant select on feed.cluster, feed.topic, feed.partition, feed.record to histoire_feed;
    grant insert, delete on feed.record to histoire_feed;
    grant update (next_offset, low_watermark) on feed.partition to histoire_feed;
end
$$;
